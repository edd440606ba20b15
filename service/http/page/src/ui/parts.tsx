// Small parts that several views use.
import type { ComponentChildren } from "preact";
import { short } from "../pure/format.js";

export type Tone = "ok" | "warn" | "bad" | "note" | "plain";
const kMarks: Record<Tone, string> = { ok: "●", warn: "▲", bad: "■", note: "◆", plain: "○" };

// A state: a mark and words, so that colour is never all there is.
export function Chip({ tone, children, title }: { tone: Tone; children: ComponentChildren; title?: string }) {
  return (
    <span class={`chip ${tone}`} title={title}>
      <span aria-hidden="true" class="mark">
        {kMarks[tone]}
      </span>
      {children}
    </span>
  );
}

export function VerdictChip({ verdict, observed }: { verdict: string | undefined; observed?: boolean | undefined }) {
  if (!verdict) return <span class="muted">–</span>;
  return (
    <span class={`verdict v-${verdict}`} title={observed ? "observed: not enforced" : undefined}>
      {observed ? "would " : ""}
      {verdict}
    </span>
  );
}

const kSeverityTone: Record<string, Tone> = { critical: "bad", high: "bad", medium: "warn", low: "note" };
export const SeverityChip = ({ severity }: { severity: string }) => <Chip tone={kSeverityTone[severity] ?? "plain"}>{severity || "none"}</Chip>;

export function Panel({ title, children, aside, class: name = "" }: { title: string; children: ComponentChildren; aside?: ComponentChildren; class?: string }) {
  return (
    <section class={`panel ${name}`} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {aside ? <div class="aside">{aside}</div> : null}
      </header>
      {children}
    </section>
  );
}

export function Tile({ name, value, unit, more, tone, children }: { name: string; value: string; unit?: string; more?: ComponentChildren; tone?: Tone; children?: ComponentChildren }) {
  return (
    <div class={`tile ${tone ?? ""}`}>
      <div class="tile-name">{name}</div>
      <div class="tile-value">
        <b>{value}</b>
        {unit ? <span class="unit"> {unit}</span> : null}
      </div>
      {children}
      <div class="tile-more">{more ?? "\u00a0"}</div>
    </div>
  );
}

// A line of the last values, 0 at its bottom; gaps where nothing is known.
export function Sparkline({ values, tone = "" }: { values: number[]; tone?: string }) {
  const most = values.reduce((max, value) => (value > max ? value : max), 0);
  const width = Math.max(1, values.length - 1);
  const y = (value: number) => (most > 0 ? 19 - (value / most) * 17 : 19).toFixed(1);
  let line = "";
  let area = "";
  let begin = -1;
  values.forEach((value, i) => {
    if (Number.isNaN(value)) {
      if (begin >= 0) area += `V19H${begin}Z`;
      begin = -1;
      return;
    }
    line += `${begin < 0 ? "M" : "L"}${i} ${y(value)}`;
    area += begin < 0 ? `M${i} 19V${y(value)}` : `L${i} ${y(value)}`;
    if (begin < 0) begin = i;
  });
  if (begin >= 0) area += `L${values.length - 1} 19Z`;
  return (
    <svg class={`spark ${tone}`} viewBox={`0 0 ${width} 20`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <path class="spark-area" d={area} />
      <path class="spark-line" d={line} />
    </svg>
  );
}

// Parts of a whole as one bar. `title` of each part is said in words beside it by whoever uses this.
export function SplitBar({ parts, label }: { parts: { tone: string; value: number }[]; label: string }) {
  const all = parts.reduce((sum, part) => sum + part.value, 0);
  let x = 0;
  return (
    <svg class="split" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="split-ground" x="0" y="0" width="100" height="6" />
      {all > 0 &&
        parts.map((part) => {
          const width = part.value > 0 ? Math.max(0.6, (part.value / all) * 100) : 0;
          const at = Math.min(x, 100 - width);
          x += width;
          return width > 0 ? <rect key={part.tone} class={`split-${part.tone}`} x={at} y="0" width={width} height="6" /> : null;
        })}
    </svg>
  );
}

export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export const Rate = ({ value }: { value: number }) => <span class={value > 0 ? "num" : "num zero"}>{short(value)}</span>;

export function SearchField({ value, onInput, label, placeholder }: { value: string; onInput: (value: string) => void; label: string; placeholder: string }) {
  return (
    <input
      type="search"
      class="search"
      aria-label={label}
      placeholder={placeholder}
      value={value}
      onInput={(event) => onInput(event.currentTarget.value)}
      spellcheck={false}
      autocomplete="off"
      data-filter
    />
  );
}

export const Empty = ({ title, children }: { title: string; children?: ComponentChildren }) => (
  <div class="empty-state">
    <p class="empty-title">{title}</p>
    {children ? <p>{children}</p> : null}
  </div>
);
