// The text of one rule, from a policy's text.
// @ts-check

const kMostLines = 200;

/** @param {string} text @param {string} name @returns {{line: number, lines: string[]} | undefined} the first line is 1 */
export function ruleText(text, name) {
  const all = text.split("\n");
  const head = new RegExp(`^\\s*rule\\s+${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\w])`);
  const first = all.findIndex((line) => head.test(line));
  if (first < 0) return undefined;
  let depth = 0;
  let begun = false;
  for (let i = first; i < Math.min(all.length, first + kMostLines); ++i) {
    const code = /** @type {string} */ (all[i]).replace(/"(?:\\.|[^"\\])*"?/g, "").replace(/#.*$/, "");
    for (const sign of code) {
      if (sign === "{") ++depth, (begun = true);
      else if (sign === "}") --depth;
    }
    if (begun && depth <= 0) return { line: first + 1, lines: all.slice(first, i + 1) };
  }
  return { line: first + 1, lines: all.slice(first, first + 1) };
}
