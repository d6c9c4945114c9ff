// Completion of Python's keywords; CodeMirror's own list has the builtins, and snippets of a few.
import { completeFromList, ifNotIn } from "@codemirror/autocomplete";

const KEYWORDS =
  "False None True and as assert async await break case continue del elif else except finally global " +
  "in is lambda match nonlocal not or pass raise return with yield";

export const keywords = ifNotIn(
  ["String", "FormatString", "Comment", "PropertyName"],
  completeFromList(KEYWORDS.split(" ").map((label) => ({ label, type: "keyword" }))),
);
