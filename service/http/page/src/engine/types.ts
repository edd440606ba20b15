// What the engine answers (docs/cli.md, "weir status"). Keys with `?` are missing where they do not apply.
export interface Counter {
  packets: number;
  bytes: number;
  verdict?: string;
}
export interface Rule extends Counter {
  name: string;
  direction: "in" | "out";
  observed?: boolean;
}
export interface Interface {
  name: string;
  mode: string;
  attached: boolean;
  egress?: boolean;
  may_be_merged?: string;
  gaps: number;
  last_gap_ms: number;
  problem?: string;
  seen_at?: string;
}
export interface MeasureKey {
  key: string[];
  count: number;
  sum: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
  counts?: number[]; // values in each bucket
}
export interface Measure {
  name: string;
  unit: string;
  by?: string[];
  keys: MeasureKey[];
  refused: number;
}
export interface Alert {
  name: string;
  matched: number;
  delivered: number;
  suppressed: number;
  lost: number;
  pending: number;
  repeated: number;
  escalations?: { sink: string; escalated: number; delivered: number; lost: number; pending: number; evicted: number }[];
  responses?: { done: number; would: number; failed: number; lost: number };
}
export interface Sink {
  name: string;
  kind: string;
  offered: number;
  delivered: number;
  lost: number;
  lost_by: Record<string, number>;
  pending: number;
  spooled: number;
  spool?: { bytes: number; max_bytes: number };
  state: string;
  since: string;
}
export interface Shadow {
  policy: string;
  file: string;
  packets: number;
  disagreements: number;
  unnamed: number;
  pairs: { live: string; live_verdict: string; candidate: string; candidate_verdict: string; packets: number }[];
  samples?: string;
  sampled?: number;
  samples_state?: string;
}
export interface Status {
  name: string;
  policy: string;
  generation: number;
  loaded_at: string;
  file: string;
  files: { path: string; sha256: string }[];
  confirm_within_ms?: number;
  falls_back_to?: number;
  observe: boolean;
  auto_rollbacks: number;
  problems: { problem: string; seen_at: string }[];
  history: { generation: number; policy: string; loaded_at: string }[];
  shadow?: Shadow;
  several_buffers: boolean;
  interfaces: Interface[];
  rules: Rule[];
  default: Counter;
  malformed: Counter;
  default_egress?: Counter;
  sets: { name: string; entries: number; refused: number }[];
  sets_file?: { path: string; saved_at: string; entries: number; restored: number; skipped: number; state: string };
  terms: { name: string; keys?: number; evicted: number; refused: number }[];
  flows?: { size: number; flows?: number; evicted: number; refused: number };
  record?: { bytes: number; packets: number; memory_bytes: number; cpus: { packets: number }[] };
  measures: Measure[];
  alerts: Alert[];
  sinks: Sink[];
  answers: { sent: number; dropped: number; failed: number; not_sent: number };
  redirects: { sent: number; dropped: number; not_sent: number; interfaces: { name: string; there: boolean }[] };
  reload_failed: number;
  reloads?: { in_force: number; withdrawn: number; rolled_back: number; last_refused: boolean; compile_ms: number; load_ms: number; commit_us: number };
  process?: { version: string; started_at: string; cpu_seconds: number; memory_max_bytes: number };
  compiler: { lacks: string[] };
  rights?: { user: number; capabilities: string[]; lacks: string[] };
}
export interface PolicyText {
  policy: string;
  file: string;
  sha256: string;
  text: string;
}
export interface Flow {
  protocol: string;
  client: string;
  server: string;
  state: string;
  packets: number;
  bytes: number;
  age_ns: number;
  idle_ns: number;
  rtt_ns?: number;
  of_socket?: boolean;
}
export interface Flows {
  flows: number;
  top: Flow[];
}
export interface SetEntries {
  entries: { value: string; expires_in_ns?: number }[];
}
