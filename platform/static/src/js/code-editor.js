// <code-editor>: puts CodeMirror over the textarea inside it. The textarea stays the form's field and
// always holds the same text, so posting works as it does without scripts.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { pythonLanguage } from "@codemirror/lang-python";
import {
  HighlightStyle,
  LanguageSupport,
  bracketMatching,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from "@codemirror/language";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, Prec } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: tags.comment, color: "var(--code-comment)" },
  { tag: [tags.keyword, tags.operatorKeyword, tags.bool, tags.null], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: tags.number, color: "var(--code-number)" },
  { tag: [tags.function(tags.definition(tags.variableName)), tags.meta], color: "var(--code-name)" },
  { tag: [tags.definition(tags.className), tags.self], color: "var(--code-type)" },
]);

const look = EditorView.theme({
  "&": { height: "100%", color: "var(--code-ink)", backgroundColor: "var(--code-bg)" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", fontSize: "0.9375rem", lineHeight: "1.6" },
  ".cm-content": { padding: "0.75rem 0", caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "var(--code-bg)", color: "var(--ink-3)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--code-line)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--code-select)",
  },
  "&.cm-focused .cm-matchingBracket, .cm-searchMatch, .cm-selectionMatch": {
    backgroundColor: "var(--warn-soft)",
  },
  ".cm-tooltip, .cm-panels": {
    backgroundColor: "var(--sheet)",
    color: "var(--ink)",
    border: "1px solid var(--rule-strong)",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    backgroundColor: "var(--accent)",
    color: "var(--on-accent)",
  },
});

class CodeEditor extends HTMLElement {
  connectedCallback() {
    this.field = this.querySelector("textarea");
    this.view = new EditorView({ parent: this, state: this.#state(this.field.value) });
    this.field.hidden = true;
  }

  get text() {
    return this.view.state.doc.toString();
  }

  /** Replace everything, as one step that Ctrl+Z undoes. */
  set text(value) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: value } });
  }

  focus() {
    this.view.focus();
  }

  #state(doc) {
    return EditorState.create({
      doc,
      extensions: [
        EditorView.cspNonce.of(this.dataset.nonce),
        // Before the default keymap, in which Mod-Enter would add a line.
        Prec.highest(keymap.of([this.#press("Mod-Enter", "run"), this.#press("Mod-Shift-Enter", "submit")])),
        lineNumbers(),
        highlightActiveLineGutter(),
        highlightActiveLine(),
        highlightSpecialChars(),
        highlightSelectionMatches(),
        history(),
        drawSelection(),
        indentUnit.of("    "),
        EditorState.tabSize.of(4),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        autocompletion(),
        new LanguageSupport(pythonLanguage),
        syntaxHighlighting(colours),
        look,
        keymap.of([
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...searchKeymap,
          ...historyKeymap,
          ...completionKeymap,
          // Esc and then Tab leaves the editor, as its label says.
          indentWithTab,
        ]),
        EditorView.contentAttributes.of({
          "aria-label": this.dataset.label,
          "aria-describedby": "editor-help",
        }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          this.field.value = update.state.doc.toString();
          this.dispatchEvent(new CustomEvent("edited", { bubbles: true }));
        }),
      ],
    });
  }

  #press(key, action) {
    const run = () => {
      this.dispatchEvent(new CustomEvent("editor-action", { bubbles: true, detail: action }));
      return true;
    };
    return { key, run };
  }
}

customElements.define("code-editor", CodeEditor);
