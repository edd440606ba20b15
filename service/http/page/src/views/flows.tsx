// The flows with most bytes, as the engine remembers them.
import { kTotalSamples } from "../engine/sample";
import type { Flow, Flows as FlowsReply } from "../engine/types";
import { matches } from "../pure/events.js";
import { bytes, nanoseconds, short, whole } from "../pure/format.js";
import { TimeChart } from "../ui/chart";
import { useOption } from "../ui/hooks";
import type { ViewProps } from "../ui/page";
import { Chip, Empty, SearchField, Tile, type Tone } from "../ui/parts";
import { usePolled } from "../ui/poll";
import { nextSort, readSort, VirtualTable, writeSort, type Column } from "../ui/table";

const kTones: Record<string, Tone> = { established: "ok", answered: "note", new: "plain" };
const kOrders: Record<string, (a: Flow, b: Flow) => number> = {
  protocol: (a, b) => a.protocol.localeCompare(b.protocol),
  client: (a, b) => a.client.localeCompare(b.client, "en", { numeric: true }),
  server: (a, b) => a.server.localeCompare(b.server, "en", { numeric: true }),
  state: (a, b) => a.state.localeCompare(b.state),
  packets: (a, b) => a.packets - b.packets,
  bytes: (a, b) => a.bytes - b.bytes,
  age: (a, b) => a.age_ns - b.age_ns,
  idle: (a, b) => a.idle_ns - b.idle_ns,
  rtt: (a, b) => (a.rtt_ns ?? -1) - (b.rtt_ns ?? -1),
};

const kColumns: Column<Flow>[] = [
  { key: "protocol", title: "Proto", width: "4.2rem", from: 560, cell: (row) => row.protocol },
  { key: "client", title: "Client", width: "minmax(5rem, 1.2fr)", cell: (row) => <bdi class="name">{row.client}</bdi> },
  { key: "server", title: "Server", width: "minmax(5rem, 1.2fr)", cell: (row) => <bdi class="name">{row.server}</bdi> },
  { key: "state", title: "State", width: "7.6rem", from: 640, cell: (row) => <Chip tone={kTones[row.state] ?? "plain"}>{row.state}</Chip> },
  { key: "packets", title: "Packets", width: "6rem", right: true, from: 760, cell: (row) => <span class="num">{short(row.packets)}</span> },
  { key: "bytes", title: "Bytes", width: "5.6rem", right: true, cell: (row) => <span class="num">{bytes(row.bytes)}</span> },
  { key: "age", title: "Age", width: "6.2rem", right: true, from: 840, cell: (row) => <span class="num" title={row.of_socket ? "it was there before flows were remembered" : undefined}>{row.of_socket ? "≥ " : ""}{nanoseconds(row.age_ns)}</span> },
  { key: "idle", title: "Idle", width: "5.6rem", right: true, from: 960, cell: (row) => <span class="num">{nanoseconds(row.idle_ns)}</span> },
  { key: "rtt", title: "RTT", width: "5.6rem", right: true, from: 700, cell: (row) => <span class="num">{row.rtt_ns ? nanoseconds(row.rtt_ns) : "–"}</span> },
];

export function Flows({ route, store, status }: ViewProps) {
  const [filter, setFilter] = useOption(route, "filter");
  const [top, setTop] = useOption(route, "top", "100");
  const [order, setOrder] = useOption(route, "sort", "-bytes");
  const count = Math.min(10_000, Math.max(1, Number(top) || 100));
  const { value, error, help } = usePolled<FlowsReply>(status.flows ? `api/v1/flows?top=${count}` : undefined, 2000);
  if (!status.flows) return <Empty title="This policy does not remember flows">Flows are kept for policies that read a field such as flow.established.</Empty>;

  const sort = readSort(order);
  const compare = kOrders[sort.by] ?? kOrders.bytes!;
  const rows = (value?.top ?? [])
    .filter((flow) => matches(`${flow.protocol} ${flow.client} ${flow.server} ${flow.state}`.toLowerCase(), filter))
    .sort((a, b) => (sort.down ? compare(b, a) : compare(a, b)));
  const { flows } = status;
  return (
    <>
      <div class="with-chart">
        <div class="tiles">
          <Tile name="Flows" value={short(flows.flows)} more={`room for ${whole(flows.size)}`} />
          <Tile name="Evicted" value={short(flows.evicted)} more="before they ended" tone={flows.evicted > 0 ? "warn" : "ok"} />
          <Tile name="Refused" value={short(flows.refused)} more="no place was free" tone={flows.refused > 0 ? "warn" : "ok"} />
        </div>
        <section class="panel" aria-label="Flows over time">
          <TimeChart label="Flows" times={store.history.when(kTotalSamples)} series={[{ name: "flows", tone: "tone-pass", values: store.history.series("flows", kTotalSamples) }]} format={(one) => short(one)} height={92} />
        </section>
      </div>
      <div class="fill">
        <div class="toolbar">
          <SearchField value={filter} onInput={setFilter} label="Filter flows" placeholder="Filter: address, port, state" />
          <label class="field-inline">
            <span>Top</span>
            <select value={top} onChange={(event) => setTop(event.currentTarget.value)}>
              {["50", "100", "1000", "10000"].map((one) => (
                <option key={one} value={one}>
                  {whole(Number(one))}
                </option>
              ))}
            </select>
          </label>
          <span class="muted toolbar-end" role="status">
            {error ? <Chip tone="warn">{error}</Chip> : value ? `${whole(rows.length)} of ${whole(value.flows)} flows, by bytes` : "reading"} {error ? help : ""}
          </span>
        </div>
        <VirtualTable
          label="Flows"
          columns={kColumns}
          rows={rows}
          rowKey={(row) => `${row.protocol} ${row.client} ${row.server}`}
          sort={sort}
          onSort={(by) => setOrder(writeSort(nextSort(sort, by, ["protocol", "client", "server", "state"].includes(by))))}
          empty={<Empty title={value ? (value.top.length === 0 ? "No flows now" : "No flow matches the filter") : "Reading…"} />}
        />
      </div>
    </>
  );
}
