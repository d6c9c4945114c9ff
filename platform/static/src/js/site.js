// Every page: htmx with eval off, the theme switch, local times, what is sent to be graded, live grading runs.
import htmx from "htmx.org";
import { Idiomorph } from "idiomorph/dist/idiomorph.esm.js";
import "./live-run.js";
import "./sending.js";
import { remember } from "./storage.js";

Object.assign(htmx.config, {
  allowEval: false,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
  // A refusal (4xx) comes with a text for the learner, so it is shown; a fault of ours (5xx) and
  // Django's own page for a form out of date (403) are not.
  responseHandling: [
    { code: "204", swap: false },
    { code: "[23]..", swap: true },
    { code: "403", swap: false, error: true },
    { code: "4..", swap: true, error: true },
    { code: "5..", swap: false, error: true },
  ],
});

// Morphing keeps what the reader has open or focused while rows are added around it.
htmx.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph",
  handleSwap: (style, target, fragment) =>
    style === "morph" ? Idiomorph.morph(target, fragment.children, { morphStyle: "outerHTML" }) : false,
});

// Opened <details> must stay open when fresh markup, which has them closed, arrives.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
  !(name === "open" && node instanceof HTMLDetailsElement);

const THEMES = ["auto", "light", "dark"];

function switchTheme(button) {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "auto") + 1) % THEMES.length];
  if (next === "auto") delete root.dataset.theme;
  else root.dataset.theme = next;
  remember("theme", next);
  nameTheme(button);
}

function nameTheme(button) {
  const label = button.dataset[document.documentElement.dataset.theme ?? "auto"];
  button.setAttribute("aria-label", label);
  button.title = label;
}

for (const button of document.querySelectorAll("[data-theme-switch]")) {
  nameTheme(button);
  button.addEventListener("click", () => switchTheme(button));
}

// The menu closes as menus do.
document.addEventListener("click", ({ target }) => {
  const menu = document.querySelector("[data-menu][open]");
  if (menu && !menu.contains(target)) menu.open = false;
});
document.addEventListener("keydown", ({ key }) => {
  const menu = document.querySelector("[data-menu][open]");
  if (key !== "Escape" || !menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

function localizeTimes(root) {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, {
    dateStyle: "medium",
    timeStyle: "medium",
  });
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = format.format(new Date(time.dateTime));
  }
}

localizeTimes(document);
document.addEventListener("htmx:afterSettle", (event) => localizeTimes(event.detail.elt));
