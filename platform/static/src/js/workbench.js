// The exercise page with an editor: ties the editor, autosave, buttons and results together.
import { Autosave } from "./autosave.js";
import "./code-editor.js";
import "./split-handle.js";
import { tryBox } from "./try-box.js";

const form = document.querySelector("form[data-workbench]");
const editor = form.querySelector("code-editor");
const find = (name) => document.querySelector(`[data-${name}]`);
const words = form.dataset;

const saveState = find("save-state");
const autosave = new Autosave(
  editor,
  {
    url: words.draftUrl,
    key: `draft:${words.owner}:${words.slug}`,
    guestKey: `draft::${words.slug}`,
    revision: Number(words.revision),
    csrf: form.querySelector("[name=csrfmiddlewaretoken]").value,
  },
  (state, detail) => {
    saveState.textContent = words[`text${state[0].toUpperCase()}${state.slice(1)}`];
    saveState.dataset.tone = state === "device" || state === "conflict" ? "warn" : "";
    if (state === "conflict") offer(words.textNewer, detail);
  },
);

/** Show the other text's existence and let the learner choose; the loser stays one Ctrl+Z away. */
function offer(question, { source, revision }) {
  const box = find("conflict");
  box.querySelector("p").textContent = question;
  box.hidden = false;
  const close = () => {
    box.hidden = true;
    autosave.settle(revision);
    editor.focus();
  };
  box.querySelector("[data-keep]").onclick = close;
  box.querySelector("[data-take]").onclick = () => {
    editor.text = source;
    close();
  };
}

// Out of the browser's back-forward cache comes the page as it was left: draft and results may have
// moved on since, and what never reached the server is on this device.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

const kept = autosave.recover();
if (kept?.outdated) {
  autosave.conflict = true;
  offer(words.textKept, { source: kept.text, revision: autosave.revision });
} else if (kept) {
  editor.text = kept.text;
  autosave.changed();
}

// What the results in the drawer were made of.
let sentText = find("ran")?.content.textContent ?? null;

/** "These results are from older code", as soon as that is so. */
function judgeStale() {
  const mark = find("stale");
  if (mark) mark.hidden = sentText === null || sentText === editor.text;
}

form.addEventListener("edited", () => {
  autosave.changed();
  judgeStale();
});

const press = (action) => form.querySelector(`[data-action="${action}"]`).click();
form.addEventListener("editor-action", (event) => press(event.detail));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
  event.preventDefault();
  press(event.shiftKey ? "submit" : "run");
});

const bar = form.querySelector(".actions-bar");
const failure = find("failure");
form.addEventListener("htmx:beforeRequest", () => {
  failure.hidden = true;
  bar.setAttribute("aria-busy", "true");
});
form.addEventListener("htmx:afterRequest", (event) => {
  bar.removeAttribute("aria-busy");
  const { xhr, successful } = event.detail;
  if (successful) {
    sentText = event.detail.requestConfig.parameters.source ?? editor.text;
    document.querySelector("#results").scrollIntoView({ block: "nearest" });
  } else {
    failure.textContent = { 0: words.textOffline, 403: words.textForm }[xhr.status] ?? words.textFault;
    failure.hidden = xhr.status !== 403 && xhr.status >= 400 && xhr.status < 500;
  }
  judgeStale();
});
document.addEventListener("htmx:afterSettle", judgeStale);
judgeStale();

find("reset").addEventListener("click", () => {
  const before = editor.text;
  editor.text = find("starter").content.textContent;
  const toast = find("toast");
  toast.hidden = false;
  toast.querySelector("button").onclick = () => {
    editor.text = before;
    toast.hidden = true;
    editor.focus();
  };
  toast.querySelector("button").focus();
  setTimeout(() => (toast.hidden = true), 15_000);
});

tryBox(form);
