// The box for the learner's own lines: kept on this device, run by Ctrl+Enter from within it.
import { recall, remember } from "./storage.js";

export function tryBox(form) {
  const box = form.querySelector("[data-try-box]");
  const field = box.querySelector("textarea");
  const key = `try:${form.dataset.owner}:${form.dataset.slug}`;
  field.value ||= recall(key) ?? "";
  box.open = field.value !== "";
  field.addEventListener("input", () => remember(key, field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
      event.preventDefault();
      box.querySelector("[data-action=try]").click();
    }
  });
}
