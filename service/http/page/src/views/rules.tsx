// Rules by packets a second. A rule that is open shows its last minute and its text.
import { useMemo, useRef } from "preact/hooks";
import { kRuleSamples } from "../engine/sample";
import type { Store } from "../engine/store";
import type { Rule, Status } from "../engine/types";
import { matches } from "../pure/events.js";
import { bitrate, bytes, percent, plural, short, whole } from "../pure/format.js";
import { ruleText } from "../pure/ruletext.js";
import { TimeChart } from "../ui/chart";
import { CodeLines } from "../ui/code";
import { go, useOption } from "../ui/hooks";
import type { ViewProps } from "../ui/page";
import { Detail } from "../ui/detail";
import { Empty, Facts, SearchField, Sparkline, VerdictChip } from "../ui/parts";
import { nextSort, readSort, VirtualTable, writeSort, type Column } from "../ui/table";

interface Row {
  key: string; // of the history
  name: string;
  at: number; // in the policy
  direction: string;
  verdict: string | undefined;
  observed: boolean | undefined;
  packets: number;
  bytes: number;
  rate: number;
  byteRate: number;
  end: boolean; // what no rule decided
}

function rowsOf(store: Store, status: Status): Row[] {
  const { history } = store;
  const rows = status.rules.map((rule: Rule, at): Row => ({
    key: `rule ${rule.name}`,
    name: rule.name,
    at,
    direction: rule.direction,
    verdict: rule.verdict,
    observed: rule.observed,
    packets: rule.packets,
    bytes: rule.bytes,
    rate: history.rate(`rule ${rule.name}`),
    byteRate: history.rate(`bytes ${rule.name}`),
    end: false,
  }));
  const ends = [
    ["default", status.default, "in"],
    ["default egress", status.default_egress, "out"],
    ["malformed", status.malformed, "in"],
  ] as const;
  for (const [name, counter, direction] of ends)
    if (counter)
      rows.push({
        key: `end ${name}`,
        name,
        at: rows.length,
        direction,
        verdict: counter.verdict,
        observed: undefined,
        packets: counter.packets,
        bytes: counter.bytes,
        rate: history.rate(`end ${name}`),
        byteRate: history.rate(`end bytes ${name}`),
        end: true,
      });
  return rows;
}

const kOrders: Record<string, (a: Row, b: Row) => number> = {
  name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
  verdict: (a, b) => (a.verdict ?? "").localeCompare(b.verdict ?? "") || a.at - b.at,
  rate: (a, b) => (a.rate || 0) - (b.rate || 0) || a.packets - b.packets,
  bits: (a, b) => (a.byteRate || 0) - (b.byteRate || 0) || a.bytes - b.bytes,
  packets: (a, b) => a.packets - b.packets,
  at: (a, b) => a.at - b.at,
};

export function Rules({ route, store, status }: ViewProps) {
  const [filter, setFilter] = useOption(route, "filter");
  const [order, setOrder] = useOption(route, "sort", "-rate");
  const [hold, setHold] = useOption(route, "hold");
  const held = useRef<string[]>([]);
  const sort = readSort(order);
  const all = useMemo(() => rowsOf(store, status), [status]);
  const total = store.history.rate("packets");

  const rows = useMemo(() => {
    const found = filter ? all.filter((row) => matches(`${row.name} ${row.verdict ?? ""} ${row.direction}`.toLowerCase(), filter)) : [...all];
    if (hold && held.current.length > 0) {
      const place = new Map(held.current.map((name, i) => [name, i]));
      return found.sort((a, b) => (place.get(a.key) ?? Infinity) - (place.get(b.key) ?? Infinity));
    }
    const compare = kOrders[sort.by] ?? kOrders.rate!;
    return found.sort((a, b) => (sort.down ? compare(b, a) : compare(a, b)) || a.at - b.at);
  }, [status, filter, order, hold]);
  held.current = rows.map((row) => row.key);

  const hasEgress = status.rules.some((rule) => rule.direction === "out");
  const columns: Column<Row>[] = [
    { key: "at", title: "#", width: "3.4rem", right: true, from: 620, cell: (row) => <span class="muted num">{row.end ? "" : row.at + 1}</span> },
    { key: "name", title: "Rule", width: "minmax(8rem, 2fr)", cell: (row) => <span class={row.end ? "name end" : "name"}>{row.name}</span> },
    { key: "verdict", title: "Verdict", width: "minmax(5.5rem, 0.7fr)", cell: (row) => <VerdictChip verdict={row.verdict} observed={row.observed} /> },
    ...(hasEgress ? [{ key: "direction", title: "Way", width: "3.5rem", from: 980, unsorted: true, cell: (row: Row) => <span class="muted">{row.direction}</span> }] : []),
    { key: "spark", title: "Last minute", width: "minmax(7rem, 1.3fr)", from: 520, unsorted: true, cell: (row) => <Sparkline values={store.history.series(row.key, kRuleSamples)} tone={`tone-${row.verdict ?? "none"}`} /> },
    { key: "rate", title: "Packets/s", width: "6.2rem", right: true, cell: (row) => <span class={row.rate > 0 ? "num" : "num zero"}>{short(row.rate)}</span> },
    { key: "share", title: "Share", width: "4.6rem", right: true, from: 900, unsorted: true, cell: (row) => <span class="num muted">{total > 0 && row.rate > 0 ? percent(row.rate / total) : ""}</span> },
    { key: "bits", title: "Bits/s", width: "7rem", right: true, from: 700, cell: (row) => <span class={row.byteRate > 0 ? "num" : "num zero"}>{bitrate(row.byteRate)}</span> },
    { key: "packets", title: "Packets", width: "8.4rem", right: true, from: 820, cell: (row) => <span class={row.packets > 0 ? "num" : "num zero"}>{whole(row.packets)}</span> },
  ];
  const open = all.find((row) => row.name === route.item);

  return (
    <div class={`split-view ${open ? "has-detail" : ""}`}>
      <div class="fill">
        <div class="toolbar">
          <SearchField value={filter} onInput={setFilter} label="Filter rules by name, verdict or direction" placeholder="Filter: name, verdict, in, out" />
          <label class="check">
            <input type="checkbox" checked={hold !== ""} onChange={(event) => setHold(event.currentTarget.checked ? "1" : "")} />
            Hold order
          </label>
          <span class="muted toolbar-end" role="status">
            {filter ? `${whole(rows.length)} of ${plural(all.length, "row")}` : plural(status.rules.length, "rule")}
          </span>
        </div>
        <VirtualTable
          label="Rules"
          columns={columns}
          rows={rows}
          rowKey={(row) => row.key}
          sort={sort}
          onSort={(by) => setOrder(writeSort(nextSort(sort, by, by === "name" || by === "at" || by === "verdict")))}
          open={open?.key ?? ""}
          onOpen={(row) => go("rules", row.name, route.options)}
          rowClass={(row) => (row.end ? "end-row" : "")}
          empty={<Empty title="No rule matches the filter" />}
        />
      </div>
      {open ? <RuleDetail row={open} store={store} route={route} /> : null}
    </div>
  );
}

function RuleDetail({ row, store, route }: { row: Row; store: Store; route: ViewProps["route"] }) {
  const text = useMemo(() => (row.end || !store.policy ? undefined : ruleText(store.policy.text, row.name)), [row.name, store.policy]);
  const { history } = store;
  return (
    <Detail title={row.end ? row.name : `rule ${row.name}`} onClose={() => go("rules", "", route.options)}>
      <TimeChart
        label={`Packets a second of ${row.name}`}
        times={history.when(kRuleSamples)}
        series={[{ name: "packets/s", tone: `tone-${row.verdict ?? "none"}`, values: history.series(row.key, kRuleSamples) }]}
        format={(value) => short(value)}
        height={150}
        spanMs={60_000}
      />
      <Facts
        rows={[
          ["Verdict", <VerdictChip verdict={row.verdict} observed={row.observed} />],
          ["Direction", row.direction === "out" ? "out: packets on their way out" : "in"],
          ["Packets", whole(row.packets)],
          ["Bytes", bytes(row.bytes)],
          ["A packet has", row.packets > 0 ? bytes(row.bytes / row.packets) : "–"],
        ]}
      />
      {text ? (
        <>
          <h3>
            In the policy <a href={`#policy/${text.line}`}>line {text.line}</a>
          </h3>
          <CodeLines lines={text.lines} first={text.line} label={`Text of rule ${row.name}`} />
        </>
      ) : row.end ? null : (
        <p class="muted">Its text is not in the policy's own file: an import has it.</p>
      )}
    </Detail>
  );
}
