// Long lines go on below, as far in as their own indentation, so that the block's shape stays.
import { RangeSetBuilder } from "@codemirror/state";
import { Decoration, EditorView, ViewPlugin } from "@codemirror/view";

const INDENT = /^[ \t]*/;
const FURTHER = 4;
const MOST = 40;

function hang(columns) {
  const own = `6px + ${Math.min(columns, MOST) + FURTHER}ch`;
  return Decoration.line({ attributes: { style: `padding-left: calc(${own}); text-indent: calc(6px - (${own}))` } });
}

function decorate(view) {
  const builder = new RangeSetBuilder();
  for (const { from, to } of view.visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = view.state.doc.lineAt(at);
      const columns = INDENT.exec(line.text)[0].replaceAll("\t", " ".repeat(view.state.tabSize)).length;
      builder.add(line.from, line.from, hang(columns));
      at = line.to + 1;
    }
  }
  return builder.finish();
}

const hanging = ViewPlugin.define(
  (view) => ({
    lines: decorate(view),
    update(update) {
      if (update.docChanged || update.viewportChanged) this.lines = decorate(update.view);
    },
  }),
  { decorations: (plugin) => plugin.lines },
);

export const wrapping = [EditorView.lineWrapping, hanging];
