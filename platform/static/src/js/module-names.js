// Completion after a dot: the names of torch, NumPy and other modules that the file imports, of tensors,
// and of the attributes that the file itself uses. The list is fetched once, when it is first needed;
// tools/completions.py makes it.
import { ifNotIn } from "@codemirror/autocomplete";

const IMPORT = /^[ \t]*import[ \t]+([\w.]+)(?:[ \t]+as[ \t]+(\w+))?/gm;
const FROM = /^[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]+\(?([\w, \t]+)/gm;
const NAMED = /(\w+)(?:\s+as\s+(\w+))?/g;
const ATTRIBUTE = /\.([A-Za-z_]\w*)/g;
const IN_IMPORT = /^\s*from\s+([\w.]+)\s+import\s+(?:.*,\s*|\(\s*)?(\w*)$/;
const AFTER_DOT = /([A-Za-z_][\w.]*|[)\]])\.(\w*)$/;

/** Return what the text's own names of modules stand for. */
function imports(text) {
  const known = new Map();
  for (const [, module, alias] of text.matchAll(IMPORT)) {
    const [first] = module.split(".");
    known.set(alias ?? first, alias ? module : first);
  }
  for (const [, module, names] of text.matchAll(FROM)) {
    for (const [, name, alias] of names.matchAll(NAMED)) known.set(alias ?? name, `${module}.${name}`);
  }
  return known;
}

function attributes(text) {
  const found = new Set(Array.from(text.matchAll(ATTRIBUTE), ([, name]) => name));
  return [...found].map((label) => ({ label, type: "property" }));
}

function members(names, module) {
  return Object.entries(names[module] ?? {}).flatMap(([type, list]) =>
    list.split(" ").map((label) => ({ label, type, detail: module })),
  );
}

function afterDot(names, path, text) {
  const [first, ...rest] = path.split(".");
  const module = imports(text).get(first);
  if (module) return members(names, [module, ...rest].join("."));
  const own = attributes(text);
  if (first === "self" && rest.length === 0) return own;
  const taken = new Set(own.map(({ label }) => label));
  return [...own, ...members(names, "torch.Tensor").filter(({ label }) => !taken.has(label))];
}

/** @param {string} url of the list: {module: {type: "name name ..."}} */
export function moduleNames(url) {
  let list = null;

  return ifNotIn(["String", "FormatString", "Comment"], async ({ state, pos }) => {
    const line = state.doc.lineAt(pos);
    const before = line.text.slice(0, pos - line.from);
    const inImport = IN_IMPORT.exec(before);
    const [, path, started] = inImport ?? AFTER_DOT.exec(before) ?? [];
    if (path === undefined) return null;
    list ??= fetch(url).then((response) => response.json());
    const names = await list.catch(() => (list = null) ?? {});
    const from = pos - started.length;
    // Without the word that is being typed.
    const text = state.sliceDoc(0, from) + state.sliceDoc(pos);
    const options = inImport ? members(names, path) : afterDot(names, path, text);
    return { from, options, validFor: /^\w*$/ };
  });
}
