// Every form that sends something to be graded, form[data-sends]: one press sends once (hx-sync drops
// what is pressed meanwhile), and what goes wrong on the way is said in [data-failure].
const ofForm = (event) => event.target.closest?.("form[data-sends]");
const failure = () => document.querySelector("[data-failure]");

document.addEventListener("click", (event) => {
  // The second click of a double click, which may come after the first one's answer.
  if (event.detail > 1 && ofForm(event) && event.target.closest("[type=submit]")) event.preventDefault();
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const form = ofForm(event);
  if (event.target !== form) return;
  failure().hidden = true;
  busy(form, true);
});

document.addEventListener("htmx:afterRequest", async (event) => {
  const form = ofForm(event);
  if (event.target !== form) return;
  busy(form, false);
  document.querySelector("#drawer, #results").scrollIntoView({ block: "nearest" });
  const { xhr, successful } = event.detail;
  // Other refusals (4xx) come with a text of their own, in the place of the results.
  if (successful || (xhr.status !== 403 && xhr.status >= 400 && xhr.status < 500)) return;
  failure().textContent = await reason(form, xhr.status);
  failure().hidden = false;
});

function busy(form, isBusy) {
  form.setAttribute("aria-busy", isBusy);
  for (const button of form.querySelectorAll("[type=submit]")) button.setAttribute("aria-disabled", isBusy);
}

async function reason(form, status) {
  const words = form.dataset;
  if (status === 403) return words.textForm;
  if (status !== 0) return words.textFault;
  for (const field of form.querySelectorAll("[type=file]")) {
    if (await hasChanged(field)) {
      field.value = "";
      return words.textFile;
    }
  }
  return words.textOffline;
}

/** Browsers don't send a file that was saved again since it was chosen, and call it a network error. */
async function hasChanged(field) {
  try {
    await field.files[0]?.arrayBuffer();
    return false;
  } catch {
    return true;
  }
}
