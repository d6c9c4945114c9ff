// What changes, line by line, from one text to another.
const MAX_CELLS = 1_000_000;
const CONTEXT = 3;
const MAX_SHOWN = 400;

/** Put the difference into `pre`: lines that go are marked with "-", new ones with "+". */
export function showDifference(pre, before, after) {
  const lines = shorten(diff(before.split("\n"), after.split("\n")));
  const shown = lines.slice(0, MAX_SHOWN);
  if (lines.length > MAX_SHOWN) shown.push({ mark: "…", text: "" });
  pre.replaceChildren(
    ...shown.map(({ mark, text }) => {
      const line = document.createElement({ "-": "del", "+": "ins" }[mark] ?? "span");
      line.textContent = `${mark} ${text}\n`;
      return line;
    }),
  );
}

const marked = (mark, lines) => lines.map((text) => ({ mark, text }));

function diff(before, after) {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  const rest = Math.min(before.length, after.length) - start;
  while (end < rest && before.at(-1 - end) === after.at(-1 - end)) end++;
  return [
    ...marked(" ", before.slice(0, start)),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...marked(" ", before.slice(before.length - end)),
  ];
}

/** By the longest common subsequence; where that would take long, all go and all are new. */
function middle(before, after) {
  const width = after.length + 1;
  if ((before.length + 1) * width > MAX_CELLS) return [...marked("-", before), ...marked("+", after)];
  const common = new Uint16Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i * width + j] =
        before[i] === after[j]
          ? common[(i + 1) * width + j + 1] + 1
          : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const lines = [];
  let [i, j] = [0, 0];
  while (i < before.length && j < after.length) {
    if (before[i] === after[j]) {
      lines.push({ mark: " ", text: before[i++] });
      j++;
    } else if (common[(i + 1) * width + j] >= common[i * width + j + 1]) {
      lines.push({ mark: "-", text: before[i++] });
    } else {
      lines.push({ mark: "+", text: after[j++] });
    }
  }
  return [...lines, ...marked("-", before.slice(i)), ...marked("+", after.slice(j))];
}

/** Leave out what is equal and far from any change. */
function shorten(lines) {
  const changes = lines.flatMap(({ mark }, at) => (mark === " " ? [] : [at]));
  const near = new Set();
  for (const at of changes) {
    for (let each = at - CONTEXT; each <= at + CONTEXT; each++) near.add(each);
  }
  return lines.flatMap((line, at) => {
    if (near.has(at)) return [line];
    return near.has(at - 1) || at === 0 ? [{ mark: "…", text: "" }] : [];
  });
}
