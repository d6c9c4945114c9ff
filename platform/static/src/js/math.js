// Renders the formulas that the server left as TeX. Built on the page with DOM calls, so that the
// strict style policy holds (build.mjs sees to the last of them), with MathML beside for screen readers.
import katex from "katex";
import "../css/math.css";

/** Wide formulas scroll, by keyboard too; those that fit are no stops on the way. */
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth + 1) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});

function renderAll() {
  for (const element of document.querySelectorAll(".math:not(.katex-done)")) {
    katex.render(element.textContent, element, {
      displayMode: element.classList.contains("block"),
      throwOnError: false,
      trust: false,
      maxExpand: 500,
    });
    element.classList.add("katex-done");
    if (element.classList.contains("block")) widths.observe(element);
  }
}

renderAll();
document.addEventListener("htmx:afterSettle", renderAll);
