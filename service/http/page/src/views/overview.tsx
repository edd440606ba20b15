// Is the engine well, and what does it do? Each part leads to the view that has more.
import type { ComponentChildren } from "preact";
import { kStopped, kTotalSamples, kVerdicts, saysVerdicts, type Verdict } from "../engine/sample";
import type { Store } from "../engine/store";
import type { Status } from "../engine/types";
import { bitrate, bytes, clock, duration, moment, percent, plural, short, whole } from "../pure/format.js";
import { findings } from "../pure/health.js";
import { writeRoute } from "../pure/route.js";
import { TimeChart } from "../ui/chart";
import type { ViewProps } from "../ui/page";
import { Chip, Empty, Facts, Panel, SeverityChip, Sparkline, Tile, VerdictChip } from "../ui/parts";

const kTop = 8;

export function Overview({ store, status }: ViewProps) {
  return (
    <>
      <Findings status={status} />
      <Tiles store={store} status={status} />
      <div class="columns">
        <Panel title={saysVerdicts(status) ? "Packets a second, by verdict" : "Packets a second"} class={saysVerdicts(status) ? "" : "span-2"}>
          <VerdictChart store={store} status={status} verdicts={kVerdicts} />
        </Panel>
        {saysVerdicts(status) ? (
          <Panel title="Stopped packets a second">
            <VerdictChart store={store} status={status} verdicts={kStopped} />
          </Panel>
        ) : null}
        <Busiest store={store} status={status} />
        <LastEvents store={store} status={status} />
        <Interfaces status={status} />
        <Engine store={store} status={status} />
      </div>
    </>
  );
}

function Findings({ status }: { status: Status }) {
  const found = findings(status);
  if (found.length === 0)
    return (
      <div class="findings fine">
        <Chip tone="ok">Attached, every sink delivers, nothing was lost</Chip>
      </div>
    );
  return (
    <ul class="findings" aria-label="What needs attention">
      {found.map((one) => (
        <li key={one.text} class={one.level}>
          <Chip tone={one.level}>{one.level === "bad" ? "problem" : one.level === "warn" ? "warning" : "note"}</Chip>
          <span class="finding-text">{one.text}</span>
          {one.view !== "overview" ? <a href={writeRoute({ view: one.view, item: one.item ?? "", options: {} })}>Show</a> : null}
        </li>
      ))}
    </ul>
  );
}

function Tiles({ store, status }: { store: Store; status: Status }) {
  const { history } = store;
  const packets = history.rate("packets");
  const stopped = kStopped.reduce((sum, verdict) => sum + (history.rate(`verdict ${verdict}`) || 0), 0);
  const lost = status.alerts.reduce((sum, alert) => sum + alert.lost, 0);
  const ill = status.sinks.filter((sink) => sink.state !== "ok").length;
  const loaded = new Date(status.loaded_at).getTime();
  return (
    <div class="tiles">
      <Tile name="Packets" value={short(packets)} unit="/s" more={bitrate(history.rate("bytes"))}>
        <Sparkline values={history.series("packets", 60)} tone="tone-pass" />
      </Tile>
      {saysVerdicts(status) ? (
        <Tile name="Stopped" value={short(stopped)} unit="/s" more={`${percent(packets > 0 ? stopped / packets : 0)} of packets`}>
          <Sparkline values={history.series("verdict drop", 60)} tone="tone-drop" />
        </Tile>
      ) : null}
      <Tile name="Alerts" value={short(history.rate("alerts matched"))} unit="/s" more={`${short(history.rate("alerts suppressed"))}/s throttled`}>
        <Sparkline values={history.series("alerts matched", 60)} tone="tone-alert" />
      </Tile>
      <Tile name="Events lost" value={short(lost)} tone={lost > 0 ? "warn" : "ok"} more={lost > 0 ? `${short(history.rate("alerts lost"))}/s now` : "none"} />
      <Tile name="Sinks" value={`${status.sinks.length - ill}`} unit={`of ${status.sinks.length}`} tone={ill > 0 ? "bad" : "ok"} more={ill > 0 ? `${plural(ill, "sink")} not well` : "deliver"} />
      {status.flows ? <Tile name="Flows" value={short(status.flows.flows)} more={`room for ${short(status.flows.size)}`} /> : null}
      <Tile name="Rules" value={whole(status.rules.length)} more={`generation ${status.generation}`} />
      <Tile name="In force" value={Number.isNaN(loaded) ? "–" : duration(Date.now() - loaded, 1)} more={`since ${moment(status.loaded_at).slice(5, 16)}`} />
    </div>
  );
}

function VerdictChart({ store, status, verdicts }: { store: Store; status: Status; verdicts: readonly Verdict[] }) {
  const { history } = store;
  const known = verdicts.filter((verdict) => history.tracks.has(`verdict ${verdict}`) && (verdict !== "malformed" || status.malformed.packets > 0));
  const series = known.map((verdict) => ({
    name: verdict === "unsorted" ? "packets" : verdict,
    tone: `tone-${verdict}`,
    values: history.series(`verdict ${verdict}`, kTotalSamples),
  }));
  return <TimeChart label="Packets a second" times={history.when(kTotalSamples)} series={series} stacked format={(value) => short(value)} height={190} />;
}

function Busiest({ store, status }: { store: Store; status: Status }) {
  const { history } = store;
  const rules = status.rules
    .map((rule) => ({ rule, rate: history.rate(`rule ${rule.name}`) || 0 }))
    .filter(({ rule }) => rule.packets > 0)
    .sort((a, b) => b.rate - a.rate || b.rule.packets - a.rule.packets)
    .slice(0, kTop);
  return (
    <Panel title="Busiest rules" aside={<a href="#rules">All {whole(status.rules.length)}</a>}>
      {rules.length === 0 ? (
        <Empty title="No rule has matched yet" />
      ) : (
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col" class="wide">
                Last minute
              </th>
              <th scope="col" class="right">
                Packets/s
              </th>
              <th scope="col" class="right wide">
                Packets
              </th>
            </tr>
          </thead>
          <tbody>
            {rules.map(({ rule, rate }) => (
              <tr key={rule.name}>
                <td class="name">
                  <a href={writeRoute({ view: "rules", item: rule.name, options: {} })}>{rule.name}</a> <VerdictChip verdict={rule.verdict} observed={rule.observed} />
                </td>
                <td class="spark-cell wide">
                  <Sparkline values={history.series(`rule ${rule.name}`, 60)} tone={`tone-${rule.verdict ?? "none"}`} />
                </td>
                <td class="right num">{short(rate)}</td>
                <td class="right num wide">{short(rule.packets)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function LastEvents({ store, status }: { store: Store; status: Status }) {
  const last = store.events.slice(-kTop).reverse();
  return (
    <Panel title="Last events" aside={<a href="#events">All</a>}>
      {last.length === 0 ? (
        <Empty title="No events yet">{status.alerts.length === 0 ? "This policy has no alerts." : "Alerts appear here as they happen."}</Empty>
      ) : (
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">Severity</th>
              <th scope="col">What</th>
            </tr>
          </thead>
          <tbody>
            {last.map((event) => (
              <tr key={event.number}>
                <td class="num muted">{clock(event.time).slice(0, 8)}</td>
                <td>
                  <SeverityChip severity={event.severity} />
                </td>
                <td class="cut">
                  <bdi>{event.message || event.alert}</bdi>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Interfaces({ status }: { status: Status }) {
  return (
    <Panel title="Interfaces">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Interface</th>
            <th scope="col">State</th>
            <th scope="col">Mode</th>
            <th scope="col" class="right">
              Gaps
            </th>
          </tr>
        </thead>
        <tbody>
          {status.interfaces.map((one) => (
            <tr key={one.name}>
              <td class="name">{one.name}</td>
              <td>
                <Chip tone={one.attached ? "ok" : "bad"}>{one.attached ? "attached" : "detached"}</Chip>
              </td>
              <td>
                {one.mode}
                {one.egress === undefined ? "" : one.egress ? ", in and out" : ", in only"}
              </td>
              <td class="right num" title={one.gaps > 0 ? `the last one took at most ${duration(one.last_gap_ms)}` : undefined}>
                {whole(one.gaps)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Answers status={status} />
    </Panel>
  );
}

function Answers({ status }: { status: Status }) {
  const { answers, redirects } = status;
  const rows: [string, ComponentChildren][] = [];
  if (answers.sent + answers.dropped + answers.failed > 0)
    rows.push(["Answers to rejected packets", `${whole(answers.sent)} sent, ${whole(answers.dropped)} over the limit, ${whole(answers.failed)} failed`]);
  if (redirects.interfaces.length > 0)
    rows.push([
      "Redirected packets",
      `${whole(redirects.sent)} sent, ${whole(redirects.dropped)} dropped, to ${redirects.interfaces.map((one) => one.name + (one.there ? "" : " (not there)")).join(", ")}`,
    ]);
  return rows.length > 0 ? <Facts rows={rows} /> : null;
}

function Engine({ store, status }: { store: Store; status: Status }) {
  const { process, rights } = status;
  const rows: [string, ComponentChildren][] = [["Policy file", <code>{status.file}</code>]];
  if (process) {
    rows.push(["Version", process.version]);
    rows.push(["Running", `${duration(Date.now() - new Date(process.started_at).getTime())}, since ${moment(process.started_at)}`]);
    rows.push(["Processor time", `${duration(process.cpu_seconds * 1000)} in all, ${percent(Math.max(0, store.history.rate("cpu")))} of a CPU now`]);
    rows.push(["Memory", `${bytes(process.memory_max_bytes)} at most`]);
  }
  if (rights) rows.push(["Rights", `user ${rights.user}, ${plural(rights.capabilities.length, "capability", "capabilities")}`]);
  const lacks = [...status.compiler.lacks, ...(rights?.lacks ?? [])];
  if (lacks.length > 0) rows.push(["This machine lacks", lacks.join("; ")]);
  if (status.record) rows.push(["Flight recorder", `${whole(status.record.cpus.reduce((sum, cpu) => sum + cpu.packets, 0))} packets, ${bytes(status.record.memory_bytes)}`]);
  rows.push(["This page", `open for ${duration(Date.now() - store.opened)}, ${plural(store.eventsSeen, "event")} seen`]);
  return (
    <Panel title="Engine">
      <Facts rows={rows} />
    </Panel>
  );
}
