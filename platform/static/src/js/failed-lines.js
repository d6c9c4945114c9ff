// Marks of the lines at which the code failed: a bar and a bold number beside them, until the text
// changes.
import { RangeSet, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, GutterMarker, gutterLineClass } from "@codemirror/view";

const inText = Decoration.line({ class: "cm-failedLine" });
const inGutter = new (class extends GutterMarker {
  elementClass = "cm-failedLine";
})();

export const setFailedLines = StateEffect.define();

function atLines(doc, numbers, mark) {
  const known = [...new Set(numbers)].filter((number) => number >= 1 && number <= doc.lines);
  return RangeSet.of(known.map((number) => mark.range(doc.line(number).from)), true);
}

const field = StateField.define({
  create: () => ({ inText: Decoration.none, inGutter: RangeSet.empty }),
  update(marks, transaction) {
    const told = transaction.effects.find((effect) => effect.is(setFailedLines));
    if (!told && !transaction.docChanged) return marks;
    const numbers = told?.value ?? [];
    return {
      inText: atLines(transaction.newDoc, numbers, inText),
      inGutter: atLines(transaction.newDoc, numbers, inGutter),
    };
  },
  provide: (marks) => [
    EditorView.decorations.from(marks, (all) => all.inText),
    gutterLineClass.from(marks, (all) => all.inGutter),
  ],
});

const look = EditorView.baseTheme({
  ".cm-line.cm-failedLine": { backgroundColor: "var(--seal-soft)" },
  ".cm-gutterElement.cm-failedLine": {
    boxShadow: "inset 4px 0 var(--seal)",
    color: "var(--seal)",
    fontWeight: "700",
  },
});

export const failedLines = [field, look];
