// A line of a policy as pieces with a kind, for colours. Only what is certain from the line itself.
// @ts-check

const kItems = "policy|import|default|malformed|let|set|rule|alert|sink|test|record";
const kWords =
  "when|then|note|and|or|not|in|contains|starts_with|ends_with|pass|drop|reject|redirect|observe|egress|message|severity|throttle|sample|to|per|every|for|add|remove|respond|escalate|" +
  "measure|as|within|size|ttl|capture|by|of|from|after|out|is|true|false|low|medium|high|critical|spool|queue|default|log";
const kPattern = new RegExp(
  [
    `(?<comment>#.*$)`,
    `(?<text>"(?:\\\\.|[^"\\\\])*"?)`,
    `(?<item>(?<=^\\s*)(?:${kItems})\\b)`,
    `(?<number>\\b(?:\\d{1,3}(?:\\.\\d{1,3}){3}(?:/\\d+)?|[0-9a-fA-F]{0,4}:[0-9a-fA-F:]*:[0-9a-fA-F:]*(?:/\\d+)?|\\d[\\d_.]*(?:ns|us|ms|s|m|h|d|kB|MB|GB|B|%|/\\w+)?)(?!\\w))`,
    `(?<call>\\b[a-z_]\\w*(?=\\())`,
    `(?<field>\\b[a-z][a-z0-9_]*(?:\\.[a-z][a-z0-9_]*)+)`,
    `(?<word>\\b(?:${kWords})\\b)`,
  ].join("|"),
  "g",
);

/** @param {string} line @returns {{kind: string, text: string}[]} */
export function tokens(line) {
  /** @type {{kind: string, text: string}[]} */
  const pieces = [];
  let from = 0;
  for (const match of line.matchAll(kPattern)) {
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] ?? "";
    if (match.index > from) pieces.push({ kind: "", text: line.slice(from, match.index) });
    pieces.push({ kind, text: match[0] });
    from = match.index + match[0].length;
  }
  if (from < line.length) pieces.push({ kind: "", text: line.slice(from) });
  return pieces;
}
