// What the page knows of the engine: its last status, rates since the page is open, events, and what happened to the policy.
// Views read it when it says that it changed; nothing but this asks the engine by itself.
import { ApiError, getJson, readStream, token } from "./api";
import { sample } from "./sample";
import { MeasureTrends } from "./trends";
import type { PolicyText, Status } from "./types";
import { EngineClock } from "../pure/clock.js";
import { backoff } from "../pure/backoff.js";
import { eventRow, type EventRow } from "../pure/events.js";
import { plural } from "../pure/format.js";
import { History } from "../pure/history.js";
import { EventParser } from "../pure/sse.js";

const kPeriodMs = 1000;
const kHiddenPeriodMs = 5000; // while nobody sees the page
const kMostEvents = 5000;
const kMostHappenings = 200;
const kPaintMs = 250; // events are shown together

export type Link =
  | { state: "connecting" }
  | { state: "live"; since: number }
  | { state: "lost"; since: number; reason: string; attempts: number; retryAt: number }
  | { state: "token"; reason: string };

export interface Happening {
  at: number;
  kind: "reload" | "refused" | "rollback" | "confirmed" | "shadow" | "link" | "problem";
  text: string;
  before?: PolicyText; // where the policy's text changed
  after?: PolicyText;
}

export class Store {
  link: Link = { state: "connecting" };
  status: Status | undefined;
  readonly opened = Date.now();
  readonly history = new History();
  readonly trends = new MeasureTrends();

  policy: PolicyText | undefined;
  policyError = "";

  events: EventRow[] = []; // the newest last
  eventsSeen = 0;
  eventsLost = 0; // as the stream says
  stream: { state: "connecting" | "open" | "lost"; reason: string; retryAt: number } = { state: "connecting", reason: "", retryAt: 0 };

  happenings: Happening[] = []; // the newest first

  #listeners = new Set<() => void>();
  #timer = 0;
  #asking: AbortController | undefined;
  #streaming: AbortController | undefined;
  #failures = 0;
  #streamFailures = 0;
  #paint = 0;
  #policyGeneration = -1;
  #clock = new EngineClock();

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  #changed() {
    for (const listener of this.#listeners) listener();
  }

  start() {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.link.state !== "token") void this.poll();
    });
    void this.poll();
  }

  // With a token, or at once instead of after a delay.
  retry(newToken?: string) {
    if (newToken !== undefined) token.set(newToken);
    this.#streaming?.abort();
    this.#streaming = undefined;
    this.#streamFailures = 0;
    void this.poll();
  }

  async poll() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const asking = (this.#asking = new AbortController());
    try {
      const { value, takenMs } = await getJson<Status>("api/v1/status", asking.signal);
      if (asking.signal.aborted) return;
      this.#take(value, this.#clock.local(takenMs, Date.now()));
      this.#timer = window.setTimeout(() => void this.poll(), document.hidden ? kHiddenPeriodMs : kPeriodMs);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.#fail(error);
    }
    this.#changed();
  }

  #fail(error: unknown) {
    if (error instanceof ApiError && error.status === 401) return this.#askForToken();
    const reason = error instanceof Error ? error.message : String(error);
    this.#failures += 1;
    const wait = backoff(this.#failures, Math.random());
    if (this.link.state === "live") this.#happened({ at: Date.now(), kind: "link", text: `the engine went away: ${reason}` });
    const since = this.link.state === "lost" ? this.link.since : Date.now();
    this.link = { state: "lost", since, reason, attempts: this.#failures, retryAt: Date.now() + wait };
    this.#timer = window.setTimeout(() => void this.poll(), wait);
  }

  #askForToken() {
    this.link = { state: "token", reason: token.get() ? "The engine does not accept this token." : "" };
    token.forget();
    this.#streaming?.abort();
    this.#streaming = undefined;
  }

  #take(status: Status, takenAt: number) {
    const before = this.status;
    const wasAway = this.link.state === "lost" && before;
    this.#failures = 0;
    this.status = status;
    if (this.link.state !== "live") this.link = { state: "live", since: Date.now() };
    if (wasAway) this.#happened({ at: Date.now(), kind: "link", text: "the engine answers again" });
    if (!(Math.abs(takenAt - this.history.at) < kPeriodMs / 4)) {
      sample(this.history, status, takenAt);
      this.trends.take(status.measures, takenAt);
    }
    if (before) this.#compare(before, status);
    if (status.generation !== this.#policyGeneration) void this.#readPolicy(status);
    if (!this.#streaming) void this.#follow();
  }

  #happened(one: Happening) {
    this.happenings = [one, ...this.happenings].slice(0, kMostHappenings);
  }

  #compare(before: Status, now: Status) {
    const at = Date.now();
    const happened = (kind: Happening["kind"], text: string) => this.#happened({ at, kind, text });
    if (now.reload_failed > before.reload_failed) happened("refused", `${plural(now.reload_failed - before.reload_failed, "reload was", "reloads were")} refused: the policy in force stays`);
    if (now.auto_rollbacks > before.auto_rollbacks) happened("rollback", "the kernel put the previous policy back: nobody confirmed in time");
    if (before.confirm_within_ms !== undefined && now.confirm_within_ms === undefined && now.generation === before.generation)
      happened("confirmed", `generation ${now.generation} was confirmed`);
    if (!before.shadow && now.shadow) happened("shadow", `candidate ${now.shadow.policy} runs in the shadow`);
    if (before.shadow && !now.shadow) happened("shadow", `the comparison with ${before.shadow.policy} ended`);
    const known = new Set(before.problems.map((one) => one.seen_at + one.problem));
    for (const one of now.problems) if (!known.has(one.seen_at + one.problem)) happened("problem", one.problem);
    for (const one of now.interfaces) {
      const old = before.interfaces.find((other) => other.name === one.name);
      if (old && old.attached !== one.attached) happened("problem", one.attached ? `${one.name} is attached again` : `${one.name} was detached`);
    }
  }

  async #readPolicy(status: Status) {
    const before = this.policy;
    const isFirst = this.#policyGeneration < 0;
    const previous = this.#policyGeneration;
    this.#policyGeneration = status.generation;
    const { policy, generation, confirm_within_ms: within } = status;
    try {
      this.policy = (await getJson<PolicyText>("api/v1/policy")).value;
      this.policyError = "";
    } catch (error) {
      this.policyError = error instanceof Error ? error.message : String(error);
    }
    if (!isFirst) {
      const isBack = generation < previous;
      const text = `generation ${generation} of ${policy} is in force${isBack ? " again" : ""}${within === undefined ? "" : ", unconfirmed"}`;
      const differs = before && this.policy && before.sha256 !== this.policy.sha256;
      this.#happened({ at: Date.now(), kind: isBack ? "rollback" : "reload", text, ...(differs ? { before, after: this.policy! } : {}) });
    }
    this.#changed();
  }

  async #follow() {
    const streaming = (this.#streaming = new AbortController());
    const parser = new EventParser((type, data) => this.#takeEvent(type, data));
    let reason = "the stream ended";
    try {
      await readStream(
        "api/v1/events",
        streaming.signal,
        () => {
          this.#streamFailures = 0;
          this.stream = { state: "open", reason: "", retryAt: 0 };
          this.#changed();
        },
        (piece) => parser.push(piece),
      );
    } catch (error) {
      if (streaming.signal.aborted) return;
      if (error instanceof ApiError && error.status === 401) {
        this.#askForToken();
        return this.#changed();
      }
      reason = error instanceof Error ? error.message : String(error);
    }
    if (streaming.signal.aborted) return;
    this.#streamFailures += 1;
    const wait = backoff(this.#streamFailures, Math.random());
    this.stream = { state: "lost", reason, retryAt: Date.now() + wait };
    this.#changed();
    window.setTimeout(() => {
      if (this.#streaming !== streaming) return;
      this.#streaming = undefined; // the next status that comes follows again
    }, wait);
  }

  #takeEvent(type: string, data: string) {
    let said: unknown;
    try {
      said = JSON.parse(data);
    } catch {
      return;
    }
    if (!said || typeof said !== "object") return;
    const object = said as Record<string, unknown>;
    if (type === "lost" || (object.lost !== undefined && object.event_type === undefined)) {
      this.eventsLost += Number(object.lost) || 0;
    } else {
      this.events.push(eventRow(object, this.eventsSeen++));
      if (this.events.length > kMostEvents + 500) this.events = this.events.slice(-kMostEvents);
    }
    if (this.#paint === 0)
      this.#paint = window.setTimeout(() => {
        this.#paint = 0;
        this.#changed();
      }, kPaintMs);
  }
}

export const store = new Store();
