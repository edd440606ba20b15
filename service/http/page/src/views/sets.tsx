// Sets, what is in one of them, and the tables that rules keep state in.
import { kTotalSamples } from "../engine/sample";
import type { Store } from "../engine/store";
import type { SetEntries } from "../engine/types";
import { matches } from "../pure/events.js";
import { duration, moment, plural, whole } from "../pure/format.js";
import { Detail } from "../ui/detail";
import { go, useOption } from "../ui/hooks";
import type { ViewProps } from "../ui/page";
import { Chip, Empty, Facts, Panel, SearchField, Sparkline } from "../ui/parts";
import { usePolled } from "../ui/poll";
import { VirtualTable, type Column } from "../ui/table";

export function Sets({ route, store, status }: ViewProps) {
  const open = status.sets.find((set) => set.name === route.item);
  return (
    <div class={`split-view ${open ? "has-detail" : ""}`}>
      <div class="fill loose">
        <Panel title="Sets">
          {status.sets.length === 0 ? (
            <Empty title="This policy has no sets" />
          ) : (
            <table class="plain">
              <thead>
                <tr>
                  <th scope="col">Set</th>
                  <th scope="col" class="wide">
                    Last five minutes
                  </th>
                  <th scope="col" class="right">
                    Entries
                  </th>
                  <th scope="col" class="right">
                    Refused adds
                  </th>
                </tr>
              </thead>
              <tbody>
                {status.sets.map((set) => (
                  <tr key={set.name} class={set === open ? "chosen" : ""}>
                    <td class="name">
                      <button type="button" class="as-link" aria-pressed={set === open} onClick={() => go("sets", set === open ? "" : set.name, route.options)}>
                        {set.name}
                      </button>
                    </td>
                    <td class="spark-cell wide">
                      <Sparkline values={store.history.series(`set ${set.name}`, kTotalSamples)} tone="tone-pass" />
                    </td>
                    <td class="right num">{whole(set.entries)}</td>
                    <td class={`right num ${set.refused > 0 ? "is-warn" : ""}`}>{whole(set.refused)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          <Kept status={status} />
        </Panel>
        <State store={store} status={status} />
      </div>
      {open ? <Entries key={open.name} name={open.name} route={route} /> : null}
    </div>
  );
}

function Kept({ status }: { status: ViewProps["status"] }) {
  const kept = status.sets_file;
  if (!kept) return null;
  return (
    <Facts
      rows={[
        ["Kept in", <code>{kept.path}</code>],
        ["Last written", kept.saved_at ? `${moment(kept.saved_at)}, ${plural(kept.entries, "entry", "entries")}` : "not yet"],
        ["Restored at the start", `${whole(kept.restored)}${kept.skipped > 0 ? `, ${whole(kept.skipped)} skipped` : ""}`],
        ["State", <Chip tone={kept.state === "ok" ? "ok" : "bad"}>{kept.state}</Chip>],
      ]}
    />
  );
}

function State({ status }: { store: Store; status: ViewProps["status"] }) {
  return (
    <Panel title="State of rules and throttles">
      {status.terms.length === 0 ? (
        <Empty title="No rule or throttle keeps state" />
      ) : (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="State of rules and throttles">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Of</th>
                {["Keys", "Evicted", "Refused"].map((title) => (
                  <th scope="col" class="right" key={title}>
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {status.terms.map((term) => (
                <tr key={term.name}>
                  <td>
                    <code>{term.name}</code>
                  </td>
                  <td class="right num">{term.keys === undefined ? "not counted yet" : whole(term.keys)}</td>
                  <td class="right num">{whole(term.evicted)}</td>
                  <td class={`right num ${term.refused > 0 ? "is-warn" : ""}`}>{whole(term.refused)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

type Entry = SetEntries["entries"][number];

function Entries({ name, route }: { name: string; route: ViewProps["route"] }) {
  const [filter, setFilter] = useOption(route, "filter");
  const { value, error, help } = usePolled<SetEntries>(`api/v1/sets/${encodeURIComponent(name)}`, 3000);
  const rows = (value?.entries ?? []).filter((entry) => matches(entry.value.toLowerCase(), filter));
  const columns: Column<Entry>[] = [
    { key: "value", title: "Value", width: "minmax(8rem, 1fr)", cell: (row) => <bdi class="name">{row.value}</bdi> },
    {
      key: "expires",
      title: "Expires in",
      width: "8rem",
      right: true,
      cell: (row) => <span class="num">{row.expires_in_ns === undefined ? <span class="muted">never</span> : duration(row.expires_in_ns / 1e6)}</span>,
    },
  ];
  return (
    <Detail title={`set ${name}`} onClose={() => go("sets", "", {})}>
      {error ? (
        <Empty title={error}>{help}</Empty>
      ) : (
        <>
          <div class="toolbar">
            <SearchField value={filter} onInput={setFilter} label="Filter entries" placeholder="Filter" />
            <span class="muted toolbar-end">{value ? `${whole(rows.length)} of ${plural(value.entries.length, "entry", "entries")}` : "reading"}</span>
          </div>
          <VirtualTable
            label={`Entries of ${name}`}
            columns={columns}
            rows={rows}
            rowKey={(row) => row.value}
            empty={<Empty title={value ? (value.entries.length === 0 ? "This set is empty" : "No entry matches the filter") : "Reading…"} />}
          />
        </>
      )}
    </Detail>
  );
}
