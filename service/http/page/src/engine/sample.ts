// One status as a sample of the history. Keys: "rule NAME", "verdict drop", "alert NAME matched", "sink NAME delivered".
import type { Counter, Status } from "./types";
import type { History } from "../pure/history.js";

export const kRuleSamples = 60;
export const kTotalSamples = 300;

// Which verdicts a chart shows, from the bottom up. "unsorted": of engines that do not say which rule decides what.
export const kVerdicts = ["pass", "redirect", "reject", "drop", "malformed", "unsorted"] as const;
export type Verdict = (typeof kVerdicts)[number];
export const kStopped: readonly Verdict[] = ["reject", "drop", "malformed"];

export function sample(history: History, status: Status, at: number) {
  history.begin(at);
  const sums = new Map<Verdict, number>();
  const saysVerdicts = status.default.verdict !== undefined;
  let packets = 0;
  let bytes = 0;
  const decided = (counter: Counter, verdict: Verdict | undefined) => {
    if (!verdict) return;
    sums.set(verdict, (sums.get(verdict) ?? 0) + counter.packets);
    packets += counter.packets;
    bytes += counter.bytes;
  };
  const verdictOf = (counter: Counter): Verdict | undefined =>
    saysVerdicts ? (kVerdicts as readonly string[]).includes(counter.verdict ?? "") ? (counter.verdict as Verdict) : undefined : "unsorted";

  for (const rule of status.rules) {
    history.count(`rule ${rule.name}`, rule.packets, kRuleSamples);
    history.count(`bytes ${rule.name}`, rule.bytes);
    if (!rule.observed) decided(rule, verdictOf(rule));
  }
  const ends: [string, Counter | undefined][] = [["default", status.default], ["default egress", status.default_egress], ["malformed", status.malformed]];
  for (const [name, counter] of ends) {
    if (!counter) continue;
    history.count(`end ${name}`, counter.packets, kRuleSamples);
    history.count(`end bytes ${name}`, counter.bytes);
    decided(counter, name === "malformed" && saysVerdicts ? "malformed" : verdictOf(counter));
  }
  for (const [verdict, sum] of sums) history.count(`verdict ${verdict}`, sum, kTotalSamples);
  history.count("packets", packets, kTotalSamples);
  history.count("bytes", bytes, kTotalSamples);

  const books = { matched: 0, delivered: 0, suppressed: 0, lost: 0 };
  for (const alert of status.alerts) {
    for (const key of ["matched", "delivered", "suppressed", "lost"] as const) {
      books[key] += alert[key];
      history.count(`alert ${alert.name} ${key}`, alert[key], key === "matched" ? kRuleSamples : 0);
    }
  }
  for (const key of ["matched", "delivered", "suppressed", "lost"] as const) history.count(`alerts ${key}`, books[key], kTotalSamples);
  for (const sink of status.sinks) {
    history.count(`sink ${sink.name} delivered`, sink.delivered, kTotalSamples);
    history.count(`sink ${sink.name} lost`, sink.lost, kTotalSamples);
    history.gauge(`sink ${sink.name} pending`, sink.pending, kTotalSamples);
  }
  for (const set of status.sets) history.gauge(`set ${set.name}`, set.entries, kTotalSamples);
  if (status.flows?.flows !== undefined) history.gauge("flows", status.flows.flows, kTotalSamples);
  if (status.shadow) history.count("disagreements", status.shadow.disagreements, kTotalSamples);
  if (status.process) history.count("cpu", status.process.cpu_seconds, kTotalSamples);
  history.end();
}

// Whether rules say what they decide: then packets are counted once, by who decided them.
export const saysVerdicts = (status: Status) => status.default.verdict !== undefined;
