// Values over time, in SVG: stacked areas or lines. The legend has the values of now, or of where the pointer is.
import { useState } from "preact/hooks";
import { logTicks, niceTop } from "../pure/quantiles.js";
import { clock, tickText } from "../pure/format.js";
import { useSize } from "./hooks";

export interface Series {
  name: string;
  tone: string; // a class: tone-drop
  values: number[];
}
interface Props {
  label: string;
  times: number[]; // ms; NaN before the page was open
  series: Series[];
  stacked?: boolean;
  format: (value: number) => string;
  height?: number;
  spanMs?: number;
  log?: boolean; // the axis of values
}

const kLeft = 52;
const kRight = 8;
const kTop = 8;
const kBottom = 20;
const kGapMs = 7500; // without a sample for longer than that, nothing is known

export function TimeChart({ label, times: all, series, stacked = false, format, height = 180, spanMs = 300_000, log = false }: Props) {
  const [place, size] = useSize<HTMLDivElement>();
  const [at, setAt] = useState<number>();
  const width = Math.max(120, size.width || 600);
  const now = all.at(-1) ?? 0;
  const times = all.map((time) => (now - time <= spanMs ? time : NaN));
  const inner = { width: width - kLeft - kRight, height: height - kTop - kBottom };
  const x = (time: number) => kLeft + inner.width * (1 - (now - time) / spanMs);

  const stacks = stack(series, stacked);
  const { ticks, part } = log ? logAxis(stacks) : linearAxis(stacks);
  const y = (value: number) => kTop + inner.height * (1 - part(value));
  const chosen = at === undefined || Number.isNaN(times[at] ?? NaN) ? times.length - 1 : at;

  const onMove = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const time = now - (1 - (event.clientX - box.left - kLeft) / inner.width) * spanMs;
    let nearest = -1;
    times.forEach((one, i) => {
      if (!Number.isNaN(one) && (nearest < 0 || Math.abs(one - time) < Math.abs(times[nearest]! - time))) nearest = i;
    });
    setAt(nearest < 0 ? undefined : nearest);
  };
  const last = series.map((one) => `${one.name} ${format(one.values.at(-1) ?? NaN)}`).join(", ");

  return (
    <figure class="chart">
      <div ref={place} class="chart-place">
        <svg width={width} height={height} role="img" aria-label={`${label}: now ${last}`} onPointerMove={onMove} onPointerLeave={() => setAt(undefined)}>
          {ticks.map((tick) => (
            <g key={tick}>
              <line class="grid" x1={kLeft} x2={width - kRight} y1={y(tick)} y2={y(tick)} />
              <text class="axis" x={kLeft - 6} y={y(tick) + 4} text-anchor="end">
                {tickText(format(tick))}
              </text>
            </g>
          ))}
          {timeTicks(spanMs, inner.width).map((ago) => (
            <text key={ago} class="axis" x={x(now - ago)} y={height - 5} text-anchor={ago === 0 ? "end" : "middle"}>
              {ago === 0 ? "now" : ago < 60_000 ? `−${ago / 1000} s` : `−${ago / 60_000} min`}
            </text>
          ))}
          {stacked && series.map((one, i) => <path key={one.name} class={`area ${one.tone}`} d={areaPath(times, stacks[i]!, i > 0 ? stacks[i - 1]! : undefined, x, y)} />)}
          {/* From the top down: of lines that lie on one another, the lowest part's is seen. */}
          {series.map((one, i) => <path key={one.name} class={`line ${one.tone}`} d={linePath(times, stacks[i]!, x, y)} />).reverse()}
          {stacks.every((line) => line.every(Number.isNaN)) && (
            <text class="axis" x={kLeft + inner.width / 2} y={kTop + inner.height / 2 - 6} text-anchor="middle">
              begins with the next answer of the engine
            </text>
          )}
          {at !== undefined && !Number.isNaN(times[chosen] ?? NaN) && <line class="cursor" x1={x(times[chosen]!)} x2={x(times[chosen]!)} y1={kTop} y2={kTop + inner.height} />}
        </svg>
      </div>
      <figcaption class="legend">
        {series.map((one) => (
          <span key={one.name} class={`key ${one.tone}`}>
            <i aria-hidden="true" />
            {one.name} <b>{format(one.values[chosen] ?? NaN)}</b>
          </span>
        ))}
        <span class="muted when">{at === undefined || Number.isNaN(times[chosen] ?? NaN) ? "" : clock(new Date(times[chosen]!).toISOString()).slice(0, 8)}</span>
      </figcaption>
    </figure>
  );
}

interface Axis {
  ticks: number[];
  part: (value: number) => number; // of the height
}

function linearAxis(lines: number[][]): Axis {
  const top = niceTop(lines.reduce((max, line) => line.reduce((most, value) => (value > most ? value : most), max), 0));
  return { ticks: [0, top / 2, top], part: (value) => value / top };
}

function logAxis(lines: number[][]): Axis {
  const known = lines.flat().filter((value) => value > 0);
  const low = known.length > 0 ? Math.min(...known) / 1.5 : 1;
  const high = Math.max(known.length > 0 ? Math.max(...known) * 1.5 : 10, low * 10);
  return { ticks: logTicks(low, high), part: (value) => Math.log(Math.max(value, low) / low) / Math.log(high / low) };
}

function stack(series: Series[], stacked: boolean): number[][] {
  if (!stacked) return series.map((one) => one.values);
  const lines: number[][] = [];
  for (const one of series) {
    const below = lines.at(-1);
    lines.push(one.values.map((value, i) => (Number.isNaN(value) ? 0 : value) + (below ? below[i]! : Number.isNaN(value) ? NaN : 0)));
  }
  return lines;
}

function timeTicks(spanMs: number, width: number): number[] {
  const step = spanMs <= 60_000 ? 15_000 : spanMs <= 180_000 ? 60_000 : width < 320 ? 120_000 : 60_000;
  const ticks = [];
  for (let ago = 0; ago < spanMs; ago += step) ticks.push(ago);
  return ticks;
}

type Place = (value: number) => number;

// Runs of samples that follow one another.
function* runs(times: number[], values: number[]): Generator<[number, number]> {
  let begin = -1;
  for (let i = 0; i <= values.length; ++i) {
    const known = i < values.length && !Number.isNaN(values[i]!) && !Number.isNaN(times[i]!);
    const follows = known && (begin < 0 || times[i]! - times[i - 1]! < kGapMs);
    if (begin >= 0 && !follows) yield [begin, i];
    if (!follows) begin = known ? i : -1;
    else if (begin < 0) begin = i;
  }
}

function linePath(times: number[], values: number[], x: Place, y: Place): string {
  let path = "";
  for (const [begin, end] of runs(times, values))
    for (let i = begin; i < end; ++i) path += `${i === begin ? "M" : "L"}${x(times[i]!).toFixed(1)} ${y(values[i]!).toFixed(1)}`;
  return path;
}

function areaPath(times: number[], values: number[], below: number[] | undefined, x: Place, y: Place): string {
  let path = "";
  for (const [begin, end] of runs(times, values)) {
    for (let i = begin; i < end; ++i) path += `${i === begin ? "M" : "L"}${x(times[i]!).toFixed(1)} ${y(values[i]!).toFixed(1)}`;
    for (let i = end - 1; i >= begin; --i) path += `L${x(times[i]!).toFixed(1)} ${y(below ? below[i]! || 0 : 0).toFixed(1)}`;
    path += "Z";
  }
  return path;
}
