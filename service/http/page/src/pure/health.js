// What an operator should know first: from a status, the worst first.
// @ts-check
import { duration, moment, plural, whole } from "./format.js";

/** @typedef {{level: "bad" | "warn" | "note", text: string, view: string, item?: string}} Finding */

/** @param {import("../engine/types").Status} status @returns {Finding[]} */
export function findings(status) {
  /** @type {Finding[]} */
  const found = [];
  const bad = (/** @type {string} */ text, view = "overview", item = "") => found.push({ level: "bad", text, view, item });
  const warn = (/** @type {string} */ text, view = "overview", item = "") => found.push({ level: "warn", text, view, item });
  const note = (/** @type {string} */ text, view = "overview", item = "") => found.push({ level: "note", text, view, item });

  for (const one of status.interfaces) {
    if (!one.attached) bad(`${one.name} is detached: its packets are not filtered`, "overview");
    else if (one.egress === false) bad(`${one.name}: packets on their way out are not filtered`, "overview");
    if (one.problem) warn(`${one.name}: ${one.problem}${one.seen_at ? `, ${moment(one.seen_at)}` : ""}`);
    if (one.may_be_merged) note(`${one.name}: ${one.may_be_merged}`);
  }
  if (status.confirm_within_ms !== undefined)
    warn(
      `generation ${status.generation} is unconfirmed: the kernel goes back to generation ${status.falls_back_to ?? "?"} in ${duration(status.confirm_within_ms)}, unless someone runs weir confirm`,
      "reloads",
    );
  for (const sink of status.sinks) if (sink.state !== "ok") bad(`sink ${sink.name}: ${sink.state}${sink.since ? `, since ${moment(sink.since)}` : ""}`, "sinks");
  const lost = status.alerts.reduce((sum, alert) => sum + alert.lost, 0);
  if (lost > 0) warn(`${plural(lost, "event was", "events were")} lost: see which sink, and why`, "sinks");
  if (status.observe) note("observe mode: verdicts are not enforced");
  if (status.reloads?.last_refused) warn(`the last reload was refused; ${plural(status.reload_failed, "reload")} refused since the start`, "reloads");
  else if (status.reload_failed > 0) note(`${plural(status.reload_failed, "reload was", "reloads were")} refused since the start`, "reloads");
  if (status.auto_rollbacks > 0) warn(`${plural(status.auto_rollbacks, "policy was", "policies were")} rolled back: nobody confirmed in time`, "reloads");
  for (const one of status.problems) warn(`${one.problem}, ${moment(one.seen_at)}`);
  if (status.sets_file && status.sets_file.state !== "ok") bad(`sets cannot be kept on disk: ${status.sets_file.state}`, "sets");
  for (const set of status.sets) if (set.refused > 0) warn(`set ${set.name} is full: ${whole(set.refused)} adds refused`, "sets", set.name);
  for (const one of status.redirects.interfaces) if (!one.there) bad(`${one.name} is not there: packets redirected to it are dropped`);
  if (status.shadow) note(`candidate ${status.shadow.policy} runs in the shadow: ${plural(status.shadow.disagreements, "disagreement")}`, "reloads");
  const order = { bad: 0, warn: 1, note: 2 };
  return found.sort((a, b) => order[a.level] - order[b.level]);
}
