// Sinks with their books: offered = delivered + lost + pending.
import { kTotalSamples } from "../engine/sample";
import type { Store } from "../engine/store";
import type { Sink } from "../engine/types";
import { bytes, moment, short, whole } from "../pure/format.js";
import { TimeChart } from "../ui/chart";
import type { ViewProps } from "../ui/page";
import { Chip, Empty, SplitBar } from "../ui/parts";

export function Sinks({ store, status }: ViewProps) {
  if (status.sinks.length === 0) return <Empty title="This policy has no sinks">Alerts need a sink to be delivered.</Empty>;
  const sorted = [...status.sinks].sort((a, b) => Number(a.state === "ok") - Number(b.state === "ok"));
  return (
    <>
      <p class="lead muted">For each sink, at any time: offered = delivered + lost + pending.</p>
      <div class="cards">
        {sorted.map((sink) => (
          <SinkCard key={sink.name} sink={sink} store={store} />
        ))}
      </div>
      <Escalations status={status} />
    </>
  );
}

function SinkCard({ sink, store }: { sink: Sink; store: Store }) {
  const { history } = store;
  const reasons = Object.entries(sink.lost_by).sort((a, b) => b[1] - a[1]);
  const ok = sink.state === "ok";
  return (
    <section class={`panel card ${ok ? "" : "ill"}`} aria-label={`Sink ${sink.name}`}>
      <header>
        <h2>
          {sink.name} <span class="kind">{sink.kind === sink.name ? "" : sink.kind}</span>
        </h2>
        <Chip tone={ok ? "ok" : "bad"}>{ok ? "ok" : "not well"}</Chip>
      </header>
      {ok ? null : (
        <p class="sink-state">
          <bdi>{sink.state}</bdi>
          {sink.since ? <span class="muted"> since {moment(sink.since)}</span> : null}
        </p>
      )}
      <dl class="book">
        <Account name="offered" value={sink.offered} />
        <span aria-hidden="true">=</span>
        <Account name="delivered" value={sink.delivered} tone="delivered" />
        <span aria-hidden="true">+</span>
        <Account name="lost" value={sink.lost} tone={sink.lost > 0 ? "lost" : ""} />
        <span aria-hidden="true">+</span>
        <Account name="pending" value={sink.pending} tone={sink.pending > 0 ? "pending" : ""} />
      </dl>
      <SplitBar
        label={`${short(sink.delivered)} delivered, ${short(sink.lost)} lost, ${short(sink.pending)} pending`}
        parts={[
          { tone: "delivered", value: sink.delivered },
          { tone: "pending", value: sink.pending },
          { tone: "lost", value: sink.lost },
        ]}
      />
      {reasons.length > 0 ? (
        <table class="plain reasons">
          <caption>Lost, by reason</caption>
          <tbody>
            {reasons.map(([reason, count]) => (
              <tr key={reason}>
                <th scope="row">{reason}</th>
                <td class="right num">{whole(count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : null}
      {sink.spooled > 0 || sink.spool ? (
        <p class="spool">
          Spool: <b class="num">{whole(sink.spooled)}</b> events wait on disk
          {sink.spool ? (
            <>
              {" "}
              ({bytes(sink.spool.bytes)} of {bytes(sink.spool.max_bytes)})
            </>
          ) : null}
        </p>
      ) : null}
      <TimeChart
        label={`Events a second of sink ${sink.name}`}
        times={history.when(kTotalSamples)}
        series={[
          { name: "delivered/s", tone: "tone-pass", values: history.series(`sink ${sink.name} delivered`, kTotalSamples) },
          ...(sink.lost > 0 ? [{ name: "lost/s", tone: "tone-drop", values: history.series(`sink ${sink.name} lost`, kTotalSamples) }] : []),
        ]}
        format={(value) => short(value)}
        height={110}
      />
    </section>
  );
}

function Account({ name, value, tone = "" }: { name: string; value: number; tone?: string }) {
  return (
    <div class={`account ${tone}`}>
      <dt>{name}</dt>
      <dd class="num">{whole(value)}</dd>
    </div>
  );
}

function Escalations({ status }: { status: ViewProps["status"] }) {
  const rows = status.alerts.flatMap((alert) => (alert.escalations ?? []).map((one) => ({ alert: alert.name, ...one })));
  const responses = status.alerts.filter((alert) => alert.responses);
  if (rows.length + responses.length === 0) return null;
  return (
    <div class="columns">
      {rows.length > 0 ? (
        <section class="panel" aria-label="Escalations">
          <header>
            <h2>Escalations</h2>
          </header>
          <div class="scroll-x" tabIndex={0} role="region" aria-label="Accounts of escalations">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Alert → sink</th>
                {["Escalated", "Delivered", "Lost", "Pending", "Evicted"].map((title) => (
                  <th scope="col" class="right" key={title}>
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((one) => (
                <tr key={one.alert + one.sink}>
                  <td class="name">
                    {one.alert} → {one.sink}
                  </td>
                  {[one.escalated, one.delivered, one.lost, one.pending, one.evicted].map((value, i) => (
                    <td class="right num" key={i}>
                      {whole(value)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          </div>
        </section>
      ) : null}
      {responses.length > 0 ? (
        <section class="panel" aria-label="Responses">
          <header>
            <h2>Responses: changes of sets</h2>
          </header>
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Alert</th>
                {["Done", "Would", "Failed", "Lost"].map((title) => (
                  <th scope="col" class="right" key={title}>
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {responses.map((alert) => (
                <tr key={alert.name}>
                  <td class="name">{alert.name}</td>
                  {[alert.responses!.done, alert.responses!.would, alert.responses!.failed, alert.responses!.lost].map((value, i) => (
                    <td class="right num" key={i}>
                      {whole(value)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ) : null}
    </div>
  );
}
