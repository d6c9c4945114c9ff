// The answers of a quiz stay on this device until they are sent: over a reload, a switch of language,
// and a guest's sign-in.
import { forget, recall, remember } from "./storage.js";

const form = document.querySelector("form[data-quiz]");
const inputs = [...form.querySelectorAll("[type=radio], [type=checkbox]")];
const key = `quiz:${form.dataset.owner}:${form.dataset.slug}`;
const guestKey = `quiz::${form.dataset.slug}`;

function keep() {
  const ticked = inputs.filter((input) => input.checked).map(({ name, value }) => [name, value]);
  remember(key, JSON.stringify(ticked));
}

function restore() {
  const kept = JSON.parse(recall(key) ?? recall(guestKey));
  if (!kept) return;
  for (const input of inputs) {
    input.checked = kept.some(([name, value]) => name === input.name && value === input.value);
  }
}

/** Feedback belongs to the answer that was sent, and goes with it. */
function judgeFeedback() {
  for (const question of form.querySelectorAll("fieldset")) {
    const feedback = question.querySelector(".choice-feedback");
    const own = inputs.filter((input) => question.contains(input));
    if (feedback) feedback.hidden = own.some((input) => input.checked !== input.defaultChecked);
  }
}

form.addEventListener("change", () => {
  keep();
  judgeFeedback();
});
form.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.successful) [key, guestKey].forEach(forget);
});
restore();
judgeFeedback();
