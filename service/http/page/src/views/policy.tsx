// The text of the policy in force. #policy/120 leads to a line.
import { useMemo } from "preact/hooks";
import { plural, whole } from "../pure/format.js";
import { CodeText } from "../ui/code";
import { go, useOption } from "../ui/hooks";
import type { ViewProps } from "../ui/page";
import { Empty, SearchField } from "../ui/parts";

export function PolicyView({ route, store, status }: ViewProps) {
  const [find, setFind] = useOption(route, "find");
  const { policy, policyError } = store;
  const lines = useMemo(() => (policy ? policy.text.replace(/\n$/, "").split("\n") : []), [policy]);
  const found = useMemo(() => {
    const words = find.toLowerCase();
    return words ? lines.flatMap((line, i) => (line.toLowerCase().includes(words) ? [i + 1] : [])) : [];
  }, [lines, find]);
  const foundSet = useMemo(() => new Set(found), [found]);
  const asked = Number(route.item) || undefined;
  const wanted = asked ?? (find ? found[0] : undefined);
  if (!policy) return <Empty title={policyError || "Reading the policy's text…"} />;

  const at = wanted === undefined ? -1 : found.indexOf(wanted);
  const step = (by: number) => {
    if (found.length === 0) return;
    const next = found[(((at < 0 ? (by > 0 ? -1 : 0) : at) + by) % found.length + found.length) % found.length]!;
    go("policy", String(next), route.options);
  };
  return (
    <div class="fill">
      <div class="toolbar">
        <form
          class="find"
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            step(1);
          }}
        >
          <SearchField value={find} onInput={setFind} label="Find in the policy" placeholder="Find" />
          <button type="submit" disabled={found.length === 0}>
            Next
          </button>
          <button type="button" disabled={found.length === 0} onClick={() => step(-1)}>
            Previous
          </button>
        </form>
        <span class="muted num" role="status">
          {find ? (at >= 0 ? `${whole(at + 1)} of ${plural(found.length, "line")}` : plural(found.length, "line")) : ""}
        </span>
        <span class="toolbar-end muted">
          <code>{policy.file || status.file}</code> · {plural(lines.length, "line")} · SHA-256 <code class="hash" title={policy.sha256}>{policy.sha256.slice(0, 16)}</code>
        </span>
      </div>
      <CodeText lines={lines} label={`Text of policy ${policy.policy}`} wanted={wanted} found={foundSet} />
    </div>
  );
}
