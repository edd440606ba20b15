// Drops and alerts as they come. What a packet contains is hostile: it is shown as text, never as markup.
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Store } from "../engine/store";
import { matches, type EventRow } from "../pure/events.js";
import { clock, duration, plural, short, whole } from "../pure/format.js";
import { Detail } from "../ui/detail";
import { go, useNow, useOption } from "../ui/hooks";
import type { ViewProps } from "../ui/page";
import { Chip, Empty, Facts, Panel, SearchField, SeverityChip, Sparkline, VerdictChip } from "../ui/parts";
import { viewKeys } from "../ui/shortcuts";
import { VirtualTable, type Column } from "../ui/table";

const kSeverities = ["critical", "high", "medium", "low"];

export function Events({ route, store, status }: ViewProps) {
  const [filter, setFilter] = useOption(route, "filter");
  const [severity, setSeverity] = useOption(route, "severity");
  const [paused, setPaused] = useState<{ events: EventRow[]; seen: number }>();
  const toggle = () => setPaused(paused ? undefined : { events: store.events.slice(), seen: store.eventsSeen });
  viewKeys.p = toggle;
  useEffect(() => () => void delete viewKeys.p, []);

  const events = paused ? paused.events : store.events;
  const shownSeverities = severity ? kSeverities.slice(0, kSeverities.indexOf(severity) + 1) : undefined;
  const rows = useMemo(
    () => events.filter((one) => (!shownSeverities || shownSeverities.includes(one.severity)) && matches(one.searched, filter)).reverse(),
    [events, events.length, store.eventsSeen, filter, severity, paused],
  );
  const open = route.item ? events.find((one) => String(one.number) === route.item) : undefined;

  const columns: Column<EventRow>[] = [
    { key: "time", title: "Time", width: "7.2rem", cell: (row) => <span class="num muted">{clock(row.time)}</span> },
    { key: "severity", title: "Severity", width: "6.2rem", from: 560, cell: (row) => <SeverityChip severity={row.severity} /> },
    { key: "verdict", title: "Verdict", width: "5.2rem", cell: (row) => <VerdictChip verdict={row.verdict} observed={row.observed} /> },
    { key: "alert", title: "Alert", width: "minmax(6rem, 0.7fr)", from: 860, cell: (row) => <bdi class="name">{row.alert}</bdi> },
    { key: "packet", title: "From → to", width: "minmax(12rem, 2.2fr)", from: 700, cell: (row) => <Ends row={row} /> },
    { key: "proto", title: "Proto", width: "3.2rem", from: 1000, cell: (row) => <span class="muted">{row.proto}</span> },
    { key: "message", title: "Message", width: "minmax(8rem, 2fr)", cell: (row) => <bdi>{row.message || row.alert}</bdi> },
  ];

  return (
    <>
      <Books store={store} status={status} />
      <div class={`split-view ${open ? "has-detail" : ""}`}>
        <div class="fill">
          <div class="toolbar">
            <button type="button" class={paused ? "main" : ""} onClick={toggle} aria-pressed={paused !== undefined}>
              {paused ? "Resume" : "Pause"}
            </button>
            <SearchField value={filter} onInput={setFilter} label="Filter events: all words must be there" placeholder="Filter: address, rule, alert, words of the message" />
            <label class="field-inline">
              <span>Severity</span>
              <select value={severity} onChange={(event) => setSeverity(event.currentTarget.value)}>
                <option value="">all</option>
                {kSeverities.slice(0, 3).map((one) => (
                  <option key={one} value={one}>
                    {one === "critical" ? "critical" : `${one} and above`}
                  </option>
                ))}
              </select>
            </label>
            <StreamState store={store} paused={paused?.seen} shown={rows.length} />
          </div>
          <VirtualTable
            label="Events, the newest first"
            columns={columns}
            rows={rows}
            rowKey={(row) => String(row.number)}
            open={open ? String(open.number) : ""}
            onOpen={(row) => {
              if (!paused) setPaused({ events: store.events.slice(), seen: store.eventsSeen });
              go("events", String(row.number), route.options);
            }}
            rowClass={(row) => `sev-${row.severity}`}
            empty={
              events.length > 0 ? (
                <Empty title="No event matches the filter" />
              ) : (
                <Empty title="No events yet">{status.alerts.length === 0 ? "This policy has no alerts." : "Alerts appear here as they happen."}</Empty>
              )
            }
          />
        </div>
        {open ? <EventDetail row={open} onClose={() => go("events", "", route.options)} /> : null}
      </div>
    </>
  );
}

function Ends({ row }: { row: EventRow }) {
  return (
    <span class="ends">
      <bdi>{row.from || "–"}</bdi>
      <span class="muted"> → </span>
      <bdi>{row.to || "–"}</bdi>
    </span>
  );
}

function StreamState({ store, paused, shown }: { store: Store; paused: number | undefined; shown: number }) {
  const now = useNow();
  const { stream } = store;
  const waiting = paused === undefined ? 0 : store.eventsSeen - paused;
  return (
    <span class="toolbar-end" role="status">
      <span class="muted num">
        {whole(shown)} shown{waiting > 0 ? `, ${whole(waiting)} new` : ""}
      </span>{" "}
      {store.eventsLost > 0 ? (
        <Chip tone="warn" title="Events that this page was too slow for. Sinks had them.">
          {plural(store.eventsLost, "event")} missed here
        </Chip>
      ) : null}{" "}
      {stream.state === "open" ? (
        <Chip tone={paused === undefined ? "ok" : "note"}>{paused === undefined ? "streaming" : "paused"}</Chip>
      ) : stream.state === "lost" ? (
        <Chip tone="warn">
          {stream.reason}, again in {duration(Math.max(0, stream.retryAt - now))}
        </Chip>
      ) : (
        <Chip tone="plain">connecting</Chip>
      )}
    </span>
  );
}

function Books({ store, status }: { store: Store; status: ViewProps["status"] }) {
  if (status.alerts.length === 0) return null;
  const { history } = store;
  const sorted = [...status.alerts].sort((a, b) => (history.rate(`alert ${b.name} matched`) || 0) - (history.rate(`alert ${a.name} matched`) || 0) || b.matched - a.matched);
  return (
    <Panel title="Alerts" class="books" aside={<span class="muted">matched = delivered + suppressed + lost + pending</span>}>
      <div class="scroll-x" tabIndex={0} role="region" aria-label="Accounts of alerts">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Alert</th>
              <th scope="col" class="wide">
                Last minute
              </th>
              {["Matched/s", "Matched", "Delivered", "Suppressed", "Lost", "Pending"].map((title) => (
                <th scope="col" class="right" key={title}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, 100).map((alert) => (
              <tr key={alert.name}>
                <td class="name">{alert.name}</td>
                <td class="spark-cell wide">
                  <Sparkline values={history.series(`alert ${alert.name} matched`, 60)} tone="tone-alert" />
                </td>
                <td class="right num">{short(history.rate(`alert ${alert.name} matched`))}</td>
                <td class="right num">{whole(alert.matched)}</td>
                <td class="right num">{whole(alert.delivered)}</td>
                <td class="right num">{whole(alert.suppressed)}</td>
                <td class={`right num ${alert.lost > 0 ? "is-warn" : ""}`}>{whole(alert.lost)}</td>
                <td class="right num">{whole(alert.pending)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function EventDetail({ row, onClose }: { row: EventRow; onClose: () => void }) {
  return (
    <Detail title={row.alert} onClose={onClose}>
      <p class="message">
        <bdi>{row.message}</bdi>
      </p>
      <Facts
        rows={[
          ["Time", row.time],
          ["Severity", <SeverityChip severity={row.severity} />],
          ["Rule", <a href={`#rules/${encodeURIComponent(row.rule)}`}>{row.rule}</a>],
          ["Verdict", <VerdictChip verdict={row.verdict} observed={row.observed} />],
          ["From", <bdi>{row.from || "–"}</bdi>],
          ["To", <bdi>{row.to || "–"}</bdi>],
          ["Interface", `${row.iface || "–"}${row.direction ? `, ${row.direction}` : ""}`],
          ["Suppressed before", whole(row.suppressed)],
        ]}
      />
      <h3>EVE</h3>
      <pre class="code json" tabIndex={0} role="region" aria-label="The event as JSON">
        {JSON.stringify(row.eve, null, 2)}
      </pre>
    </Detail>
  );
}
