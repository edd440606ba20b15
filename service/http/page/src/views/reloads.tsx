// What is in force, what a rollback goes back to, a candidate in the shadow, and what happened since the page is open.
import { useState } from "preact/hooks";
import { kTotalSamples } from "../engine/sample";
import type { Happening, Store } from "../engine/store";
import type { Shadow, Status } from "../engine/types";
import { duration, moment, percent, plural, short, whole } from "../pure/format.js";
import { hunks, lineDiff } from "../pure/linediff.js";
import { TimeChart } from "../ui/chart";
import { useNow } from "../ui/hooks";
import type { ViewProps } from "../ui/page";
import { Chip, Empty, Facts, Panel, SplitBar, VerdictChip, type Tone } from "../ui/parts";

export function Reloads({ store, status }: ViewProps) {
  return (
    <div class="columns">
      <InForce store={store} status={status} />
      <div class="stack">
        <Timeline store={store} />
        <Rollback status={status} />
      </div>
      {status.shadow ? <ShadowPanel shadow={status.shadow} store={store} status={status} /> : null}
    </div>
  );
}

function InForce({ store, status }: { store: Store; status: Status }) {
  const now = useNow();
  const { reloads } = status;
  const left = status.confirm_within_ms;
  return (
    <Panel title="In force">
      {left !== undefined ? (
        <div class="countdown">
          <Chip tone="warn">unconfirmed</Chip>
          <b class="num">{duration(left)}</b>
          <span>
            until the kernel goes back to generation {status.falls_back_to ?? "–"}; <code>weir confirm</code> keeps generation {status.generation}
          </span>
        </div>
      ) : null}
      <Facts
        rows={[
          ["Policy", <b>{status.policy}</b>],
          ["Generation", whole(status.generation)],
          ["Since", `${moment(status.loaded_at)}, for ${duration(now - new Date(status.loaded_at).getTime())}`],
          ["SHA-256", <code class="hash">{status.files[0]?.sha256 || store.policy?.sha256 || "–"}</code>],
          ["Files", <ul class="files">{status.files.map((file) => <li key={file.path}><code>{file.path}</code></li>)}</ul>],
          ...(reloads
            ? ([
                ["Compiled in", `${short(reloads.compile_ms)} ms`],
                ["Loaded in", `${short(reloads.load_ms)} ms`],
                ["Swapped in", `${short(reloads.commit_us)} µs`],
                ["Reloads", `${whole(reloads.in_force)} in force, ${whole(status.reload_failed)} refused, ${whole(reloads.withdrawn)} withdrawn, ${whole(reloads.rolled_back)} rolled back`],
              ] as [string, string][])
            : ([["Refused reloads", whole(status.reload_failed)]] as [string, string][])),
          ["Not confirmed in time", plural(status.auto_rollbacks, "policy", "policies")],
        ]}
      />
    </Panel>
  );
}

function Rollback({ status }: { status: Status }) {
  return (
    <Panel title="A rollback goes back to">
      {status.history.length === 0 ? (
        <Empty title="No policy before this one">The engine keeps the last five that were in force and confirmed.</Empty>
      ) : (
        <table class="plain">
          <thead>
            <tr>
              <th scope="col" class="right">
                Generation
              </th>
              <th scope="col">Policy</th>
              <th scope="col">In force since</th>
            </tr>
          </thead>
          <tbody>
            {status.history.map((one) => (
              <tr key={one.generation}>
                <td class="right num">{one.generation}</td>
                <td class="name">{one.policy}</td>
                <td class="num">{moment(one.loaded_at)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function ShadowPanel({ shadow, store, status }: { shadow: Shadow; store: Store; status: Status }) {
  const share = shadow.packets > 0 ? shadow.disagreements / shadow.packets : 0;
  const { history } = store;
  return (
    <Panel
      title={`In the shadow: ${shadow.policy}`}
      class="span-2"
      aside={
        <Chip tone={shadow.disagreements > 0 ? "warn" : "ok"}>
          {plural(shadow.disagreements, "disagreement")}, {percent(share)} of {short(shadow.packets)} packets
        </Chip>
      }
    >
      <TimeChart label="Disagreements a second" times={history.when(kTotalSamples)} series={[{ name: "disagreements/s", tone: "tone-drop", values: history.series("disagreements", kTotalSamples) }]} format={(value) => short(value)} height={110} />
      {shadow.pairs.length === 0 ? (
        <Empty title="Both policies agree on every packet so far" />
      ) : (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="Disagreements by rule">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">{status.policy} decides</th>
                <th scope="col">{shadow.policy} would decide</th>
                <th scope="col" class="wide">
                  Share
                </th>
                <th scope="col" class="right">
                  Packets
                </th>
              </tr>
            </thead>
            <tbody>
              {shadow.pairs.map((pair) => (
                <tr key={`${pair.live} ${pair.live_verdict} ${pair.candidate} ${pair.candidate_verdict}`}>
                  <td>
                    <VerdictChip verdict={pair.live_verdict} /> <span class="name">{pair.live}</span>
                  </td>
                  <td>
                    <VerdictChip verdict={pair.candidate_verdict} /> <span class="name">{pair.candidate}</span>
                  </td>
                  <td class="share-cell wide">
                    <SplitBar
                      label={percent(shadow.disagreements > 0 ? pair.packets / shadow.disagreements : 0)}
                      parts={[
                        { tone: "lost", value: pair.packets },
                        { tone: "none", value: Math.max(0, shadow.disagreements - pair.packets) },
                      ]}
                    />
                  </td>
                  <td class="right num">{whole(pair.packets)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <Facts
        rows={[
          ["Candidate's file", <code>{shadow.file}</code>],
          ...(shadow.samples ? ([["Samples", <><code>{shadow.samples}</code>, {plural(shadow.sampled ?? 0, "packet")}{shadow.samples_state && shadow.samples_state !== "ok" ? `: ${shadow.samples_state}` : ""}</>]] as [string, preact.ComponentChild][]) : []),
          ["Take it over", <code>weir promote</code>],
        ]}
      />
    </Panel>
  );
}

const kTones: Record<Happening["kind"], [Tone, string]> = {
  reload: ["ok", "reload"],
  refused: ["bad", "refused"],
  rollback: ["warn", "rollback"],
  confirmed: ["ok", "confirmed"],
  shadow: ["note", "shadow"],
  link: ["plain", "page"],
  problem: ["warn", "problem"],
};

function Timeline({ store }: { store: Store }) {
  return (
    <Panel title="Since this page is open" aside={<span class="muted">{moment(new Date(store.opened).toISOString())}</span>}>
      {store.happenings.length === 0 ? (
        <Empty title="Nothing happened to the policy yet">Reloads appear here as they happen, with what changed in the text.</Empty>
      ) : (
        <ol class="timeline" tabIndex={0} aria-label="What happened, the newest first">
          {store.happenings.map((one, i) => (
            <HappeningRow key={store.happenings.length - i} one={one} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function HappeningRow({ one }: { one: Happening }) {
  const [tone, word] = kTones[one.kind];
  return (
    <li>
      <span class="num muted">{moment(new Date(one.at).toISOString()).slice(11)}</span>
      <Chip tone={tone}>{word}</Chip>
      <span>{one.text}</span>
      {one.before && one.after ? <Diff before={one.before.text} after={one.after.text} /> : null}
    </li>
  );
}

function Diff({ before, after }: { before: string; after: string }) {
  const [open, setOpen] = useState(true);
  const lines = lineDiff(before, after);
  const added = lines.filter((line) => line.kind === "added").length;
  const removed = lines.filter((line) => line.kind === "removed").length;
  const marks = { same: " ", added: "+", removed: "−" };
  return (
    <details class="diff" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        Text: <span class="added">+{added}</span> <span class="removed">−{removed}</span> {added + removed === 1 ? "line" : "lines"}
      </summary>
      {open ? (
        <div class="code" tabIndex={0} role="region" aria-label="What changed in the policy's text">
          {hunks(lines, 3).map((line, i) =>
            line ? (
              <div class={`code-line ${line.kind}`} key={i}>
                <span class="line-number">{line.new || line.old}</span>
                <code>
                  {marks[line.kind]} {line.text}
                </code>
              </div>
            ) : (
              <div class="code-line cut" key={i}>
                <span class="line-number" />
                <code>⋯</code>
              </div>
            ),
          )}
        </div>
      ) : null}
    </details>
  );
}
