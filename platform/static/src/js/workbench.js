// The exercise page with an editor: ties the editor, autosave, buttons and results together.
import { Autosave } from "./autosave.js";
import "./code-editor.js";
import { editorLook } from "./editor-look.js";
import { showDifference } from "./line-diff.js";
import "./split-handle.js";
import { tryBox } from "./try-box.js";

const form = document.querySelector("form[data-workbench]");
const editor = form.querySelector("code-editor");
const find = (name) => document.querySelector(`[data-${name}]`);
const words = form.dataset;

const results = document.querySelector("#results");
const saveState = find("save-state");
const choice = find("conflict");
let otherText;

function tell(state) {
  saveState.textContent = words[`text${state[0].toUpperCase()}${state.slice(1)}`];
  saveState.dataset.tone = state === "device" || state === "conflict" ? "warn" : "";
}

/** Show both texts and let the learner choose; the loser stays one Ctrl+Z away. */
function ask(why, text) {
  otherText = text;
  choice.querySelector("p").textContent = { newer: words.textNewer, kept: words.textKept }[why];
  choice.hidden = false;
  compare();
}

function compare() {
  if (!choice.hidden) showDifference(choice.querySelector("pre"), editor.text, otherText);
}

function settle() {
  choice.hidden = true;
  autosave.settle();
  editor.focus();
}

choice.querySelector("[data-keep]").addEventListener("click", settle);
choice.querySelector("[data-take]").addEventListener("click", () => {
  editor.text = otherText;
  settle();
});

const autosave = new Autosave(
  editor,
  {
    url: words.draftUrl,
    key: `draft:${words.owner}:${words.slug}`,
    guestKey: `draft::${words.slug}`,
    revision: Number(words.revision),
    csrf: form.querySelector("[name=csrfmiddlewaretoken]").value,
  },
  tell,
  ask,
);

// Out of the browser's back-forward cache comes the page as it was left: draft and results may have
// moved on since, and what never reached the server is on this device.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

// What the results in the drawer were made of.
let sentText = find("ran")?.content.textContent ?? null;

/** "These results are from older code", as soon as that is so; else mark where this code failed. */
function judgeStale() {
  const stale = sentText === null || sentText !== editor.text;
  find("stale").hidden = sentText === null || !stale;
  results.toggleAttribute("data-stale", stale);
  if (!stale) editor.failed = failedLines();
}

/** Of each traceback the last line, which raised. */
function failedLines() {
  const traces = [...results.querySelectorAll(".message, .trace")];
  return traces.flatMap((trace) => [...trace.querySelectorAll(".line-link")].slice(-1).map(lineOf));
}

const lineOf = (link) => Number(link.hash.replace("#line-", ""));

results.addEventListener("click", (event) => {
  const link = event.target.closest(".line-link");
  if (!link) return;
  event.preventDefault();
  if (!results.hasAttribute("data-stale")) editor.goTo(lineOf(link));
});

form.addEventListener("edited", () => {
  autosave.changed();
  judgeStale();
  compare();
});
autosave.recover();

const press = (action) => form.querySelector(`[data-action="${action}"]`).click();
form.addEventListener("editor-action", (event) => press(event.detail));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
  event.preventDefault();
  press(event.shiftKey ? "submit" : "run");
});

form.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful) return;
  sentText = detail.requestConfig.parameters.source ?? editor.text;
  // From the top: the verdict stands there.
  document.querySelector("#drawer").scrollTop = 0;
  judgeStale();
});
document.addEventListener("htmx:afterSettle", judgeStale);
judgeStale();

// The server compares what it has.
document.addEventListener("htmx:confirm", async (event) => {
  if (!event.target.matches("[data-changes]")) return;
  event.preventDefault();
  await autosave.flush();
  event.detail.issueRequest(true);
});

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
editorLook(form, editor);
