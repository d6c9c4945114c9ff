// Renders the formulas that the server left as TeX. Built on the page with DOM calls, so that the
// strict style policy holds, with MathML beside for screen readers.
import katex from "katex";
import "katex/dist/katex.css";

function renderAll() {
  for (const element of document.querySelectorAll(".math:not(.katex-done)")) {
    katex.render(element.textContent, element, {
      displayMode: element.classList.contains("block"),
      throwOnError: false,
      trust: false,
      maxExpand: 500,
    });
    element.classList.add("katex-done");
  }
}

renderAll();
document.addEventListener("htmx:afterSettle", renderAll);
