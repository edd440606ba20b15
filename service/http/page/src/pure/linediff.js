// Which lines of a text changed: for two texts of one policy.
// @ts-check

/** @typedef {{kind: "same" | "added" | "removed", text: string, old: number, new: number}} Line numbers from 1; 0: not there */

const kMostCells = 4_000_000; // of the table; beyond, what differs is removed and added as a whole

/** @param {string} before @param {string} after @returns {Line[]} */
export function lineDiff(before, after) {
  const a = before.replace(/\n$/, "").split("\n");
  const b = after.replace(/\n$/, "").split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) ++head;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) ++tail;
  /** @type {Line[]} */
  const lines = [];
  for (let i = 0; i < head; ++i) lines.push({ kind: "same", text: a[i] ?? "", old: i + 1, new: i + 1 });
  middle(a, b, head, a.length - tail, b.length - tail, lines);
  for (let i = tail; i > 0; --i) {
    const old = a.length - i;
    lines.push({ kind: "same", text: a[old] ?? "", old: old + 1, new: b.length - i + 1 });
  }
  return lines;
}

/** @param {string[]} a @param {string[]} b @param {number} from @param {number} endA @param {number} endB @param {Line[]} lines */
function middle(a, b, from, endA, endB, lines) {
  const rows = endA - from;
  const columns = endB - from;
  const width = columns + 1;
  // common[i][j]: the longest common part of the rest of a from i and of b from j.
  const common = rows * columns <= kMostCells ? new Uint32Array((rows + 1) * width) : null;
  const at = (/** @type {number} */ i, /** @type {number} */ j) => (common ? /** @type {number} */ (common[i * width + j]) : 0);
  if (common)
    for (let i = rows - 1; i >= 0; --i)
      for (let j = columns - 1; j >= 0; --j)
        common[i * width + j] = a[from + i] === b[from + j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  let i = 0;
  let j = 0;
  while (i < rows || j < columns) {
    const text = { old: a[from + i] ?? "", new: b[from + j] ?? "" };
    if (common && i < rows && j < columns && text.old === text.new) {
      lines.push({ kind: "same", text: text.old, old: from + i + 1, new: from + j + 1 });
      ++i, ++j;
    } else if (i < rows && (j >= columns || !common || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ kind: "removed", text: text.old, old: from + i + 1, new: 0 });
      ++i;
    } else {
      lines.push({ kind: "added", text: text.new, old: 0, new: from + j + 1 });
      ++j;
    }
  }
}

/** Changed lines, with some before and after them; null stands for lines that are left out.
 * @param {Line[]} lines @param {number} around @returns {(Line | null)[]} */
export function hunks(lines, around) {
  const keep = new Set();
  lines.forEach((line, i) => {
    if (line.kind !== "same") for (let j = Math.max(0, i - around); j <= Math.min(lines.length - 1, i + around); ++j) keep.add(j);
  });
  /** @type {(Line | null)[]} */
  const result = [];
  let left = false;
  lines.forEach((line, i) => {
    if (keep.has(i)) {
      if (left) result.push(null);
      result.push(line);
      left = false;
    } else left = true;
  });
  if (left && result.length > 0) result.push(null);
  return result;
}
