// <code-editor>: puts CodeMirror over the textarea inside it. The textarea stays the form's field and
// always holds the same text, so posting works as it does without scripts.
import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
  completionKeymap,
  selectedCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab, insertNewlineAndIndent } from "@codemirror/commands";
import { python, pythonLanguage } from "@codemirror/lang-python";
import {
  HighlightStyle,
  bracketMatching,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from "@codemirror/language";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, Prec } from "@codemirror/state";
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
import { failedLines, setFailedLines } from "./failed-lines.js";
import { keywords } from "./keywords.js";
import { moduleNames } from "./module-names.js";
import { wrapping } from "./wrapping.js";

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
  ".cm-scroller": { fontFamily: "var(--mono)", fontSize: "var(--code-size, 0.875rem)", lineHeight: "1.6" },
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
  ".cm-searchMatch-selected": { backgroundColor: "var(--code-select)", outline: "1px solid var(--accent)" },
  ".cm-tooltip, .cm-panels": { backgroundColor: "var(--sheet)", color: "var(--ink)" },
  ".cm-tooltip": { border: "1px solid var(--rule-strong)", borderRadius: "var(--radius)", boxShadow: "var(--shadow)" },
  ".cm-panels-bottom": { borderTop: "1px solid var(--rule)" },
  ".cm-panel.cm-search": { padding: "0.5rem 2rem 0.4rem 0.75rem", fontSize: "var(--step--1)" },
  ".cm-panel.cm-search label": { fontSize: "inherit" },
  ".cm-panel.cm-search [name=close]": { fontSize: "1.25rem", color: "var(--ink-2)", cursor: "pointer" },
  ".cm-textfield, .cm-button": {
    minHeight: "1.9rem",
    padding: "0.1rem 0.5rem",
    border: "1px solid var(--rule-strong)",
    borderRadius: "4px",
    backgroundColor: "var(--paper)",
    backgroundImage: "none",
    color: "var(--ink)",
    fontSize: "inherit",
  },
  ".cm-button": { cursor: "pointer" },
  ".cm-button:hover, .cm-button:active": { backgroundColor: "var(--accent-soft)", backgroundImage: "none" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "0.85rem", maxHeight: "14em" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "0.15rem 0.6rem", lineHeight: "1.5" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    backgroundColor: "var(--accent)",
    color: "var(--on-accent)",
  },
  ".cm-completionMatchedText": { fontWeight: "700", textDecoration: "none" },
  ".cm-completionDetail": { color: "var(--ink-3)", fontStyle: "normal" },
  "li[aria-selected] .cm-completionDetail": { color: "inherit" },
});

/** Who has typed all of a name and presses Enter wants a new line, and no completion. */
function newLineAfterWholeName(view) {
  const word = view.state.wordAt(view.state.selection.main.head);
  const typed = word && view.state.sliceDoc(word.from, word.to);
  if (!typed || selectedCompletion(view.state)?.label !== typed) return false;
  closeCompletion(view);
  return insertNewlineAndIndent(view);
}

class CodeEditor extends HTMLElement {
  #wrapping = new Compartment();

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

  /** Whether lines that are too long go on below, or the editor scrolls sideways. */
  set wraps(value) {
    this.view.dispatch({ effects: this.#wrapping.reconfigure(value ? wrapping : []) });
  }

  /** The size of the text, in pixels. */
  set size(pixels) {
    this.style.setProperty("--code-size", `${pixels / 16}rem`);
    this.view.requestMeasure();
  }

  /** The numbers of the lines at which this text failed; any change of it forgets them. */
  set failed(numbers) {
    this.view.dispatch({ effects: setFailedLines.of(numbers) });
  }

  focus() {
    this.view.focus();
  }

  /** Put the cursor at a line and show it. */
  goTo(number) {
    const { doc } = this.view.state;
    const { from } = doc.line(Math.min(Math.max(number, 1), doc.lines));
    this.view.dispatch({
      selection: { anchor: from },
      effects: EditorView.scrollIntoView(from, { y: "center" }),
    });
    this.focus();
  }

  #state(doc) {
    return EditorState.create({
      doc,
      extensions: [
        EditorView.cspNonce.of(this.dataset.nonce),
        EditorState.phrases.of(this.#phrases()),
        // Before the default keymap, in which Mod-Enter would add a line.
        Prec.highest(keymap.of([this.#press("Mod-Enter", "run"), this.#press("Mod-Shift-Enter", "submit")])),
        lineNumbers(),
        highlightActiveLineGutter(),
        highlightActiveLine(),
        failedLines,
        highlightSpecialChars(),
        highlightSelectionMatches(),
        history(),
        drawSelection(),
        indentUnit.of("    "),
        EditorState.tabSize.of(4),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        Prec.highest(keymap.of([{ key: "Enter", run: newLineAfterWholeName }])),
        autocompletion({ icons: false }),
        python(),
        pythonLanguage.data.of({ autocomplete: keywords }),
        pythonLanguage.data.of({ autocomplete: moduleNames(this.dataset.names) }),
        this.#wrapping.of(wrapping),
        syntaxHighlighting(colours),
        look,
        keymap.of([
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...searchKeymap,
          ...historyKeymap,
          ...completionKeymap,
          { key: "Tab", run: acceptCompletion },
          // Esc and then Tab leaves the editor, as its label says.
          indentWithTab,
        ]),
        EditorView.contentAttributes.of({
          "aria-label": this.dataset.label,
          "aria-describedby": "editor-help",
          // Focusable it is anyway; tools that check scrolling regions want it said.
          tabindex: "0",
        }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          this.field.value = update.state.doc.toString();
          this.dispatchEvent(new CustomEvent("edited", { bubbles: true }));
        }),
      ],
    });
  }

  /** CodeMirror's own texts in the reader's language. */
  #phrases() {
    const texts = this.querySelector("template").content.querySelectorAll("[data-phrase]");
    return Object.fromEntries([...texts].map((text) => [text.dataset.phrase, text.textContent]));
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
