// The buttons for the editor's text size and line wrapping; this device remembers both.
import { recall, remember } from "./storage.js";

const LEAST = 11;
const MOST = 22;
const USUAL = 14;

export function editorLook(form, editor) {
  const sizes = form.querySelectorAll("[data-size]");
  const wrap = form.querySelector("[data-wrap]");
  let size;

  function setSize(pixels) {
    size = Math.min(MOST, Math.max(LEAST, pixels));
    editor.size = size;
    remember("editor-size", size);
    for (const button of sizes) button.disabled = size === (button.dataset.size > 0 ? MOST : LEAST);
  }

  function setWrap(on) {
    editor.wraps = on;
    remember("editor-wrap", on ? "on" : "off");
    wrap.setAttribute("aria-pressed", on);
  }

  setSize(Number(recall("editor-size")) || USUAL);
  setWrap(recall("editor-wrap") !== "off");
  for (const button of sizes) button.addEventListener("click", () => setSize(size + Number(button.dataset.size)));
  wrap.addEventListener("click", () => setWrap(wrap.getAttribute("aria-pressed") !== "true"));
}
