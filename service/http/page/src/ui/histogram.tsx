// How values of a measure are spread, on a logarithmic axis, with its percentiles.
import { measured, percent, short, tickText, whole } from "../pure/format.js";
import { filled, logTicks, lowEnd, quantile, type Bin } from "../pure/quantiles.js";
import { useSize } from "./hooks";
import { useState } from "preact/hooks";

export interface Mark {
  name: string;
  value: number;
}
interface Props {
  label: string;
  bins: Bin[];
  marks: Mark[];
  unit: string;
}

const kHeight = 220;
const kSide = 12;
const kTop = 40;
const kBottom = 22;

export const marksOf = (bins: Bin[]): Mark[] =>
  ([["p50", 0.5], ["p90", 0.9], ["p99", 0.99]] as const).map(([name, share]) => ({ name, value: quantile(bins, share) }));

export function Histogram({ label, bins: all, marks, unit }: Props) {
  const [place, size] = useSize<HTMLDivElement>();
  const [at, setAt] = useState<Bin>();
  const width = Math.max(200, size.width || 600);
  const bins = filled(all);
  const sum = bins.reduce((count, bin) => count + bin.count, 0);
  const low = Math.max(1, Math.min(bins[0] ? lowEnd(bins[0]) : 1, ...marks.map((mark) => mark.value).filter((value) => value > 0)));
  const high = Math.max(low * 2, bins.at(-1)?.to ?? 1, ...marks.map((mark) => mark.value).filter(Number.isFinite));
  const x = (value: number) => kSide + ((width - 2 * kSide) * Math.log(Math.max(value, low) / low)) / Math.log(high / low);
  // Bars differ in width: the area of a bar is its values.
  const density = (bin: Bin) => bin.count / (x(bin.to + 1) - x(lowEnd(bin)));
  const most = bins.reduce((max, bin) => Math.max(max, density(bin)), 0);
  const inner = kHeight - kTop - kBottom;
  const said = marks.map((mark) => `${mark.name} ${measured(mark.value, unit)}`).join(", ");

  return (
    <figure class="chart histogram">
      <div ref={place} class="chart-place">
        <svg width={width} height={kHeight} role="img" aria-label={`${label}: ${said}`} onPointerLeave={() => setAt(undefined)}>
          {logTicks(low, high).map((tick) => (
            <g key={tick}>
              <line class="grid" x1={x(tick)} x2={x(tick)} y1={kTop} y2={kTop + inner} />
              <text class="axis" x={Math.min(Math.max(x(tick), 22), width - 22)} y={kHeight - 5} text-anchor="middle">
                {tickText(measured(tick, unit))}
              </text>
            </g>
          ))}
          <line class="ground" x1={kSide} x2={width - kSide} y1={kTop + inner} y2={kTop + inner} />
          {bins.map((bin) => {
            const left = x(lowEnd(bin));
            const height = most > 0 ? Math.max(bin.count > 0 ? 1.5 : 0, (density(bin) / most) * inner) : 0;
            const bar = { x: left + 0.5, width: Math.max(1, x(bin.to + 1) - left - 1) };
            return (
              <g key={bin.from} onPointerEnter={() => setAt(bin)}>
                <rect class="bar-ground" {...bar} y={kTop} height={inner} />
                <rect class={`bar ${at?.from === bin.from ? "at" : ""}`} {...bar} y={kTop + inner - height} height={height} rx="1.5" />
              </g>
            );
          })}
          {placeMarks(marks, x, width).map((mark) => (
            <g key={mark.name} class={`tone-${mark.name}`}>
              <line class="mark-line" x1={mark.x} x2={mark.x} y1={mark.row * 14 + 14} y2={kTop + inner} />
              <text class="mark-text" x={mark.textX} y={mark.row * 14 + 11} text-anchor={mark.anchor}>
                {mark.name} {measured(mark.value, unit)}
              </text>
            </g>
          ))}
        </svg>
      </div>
      <figcaption class="legend">
        {at ? (
          <span>
            {measured(at.from, unit)} to {measured(at.to, unit)}: <b>{whole(at.count)}</b> values, {percent(at.count / sum)}
          </span>
        ) : (
          <span class="muted">{short(sum)} values; the area of a bar is its values</span>
        )}
      </figcaption>
    </figure>
  );
}

// Labels of percentiles, in two rows where they would overlap.
function placeMarks(marks: Mark[], x: (value: number) => number, width: number) {
  const ends = [-Infinity, -Infinity];
  return marks
    .filter((mark) => Number.isFinite(mark.value))
    .map((mark, i) => {
      const at = x(mark.value);
      const flips = at > width - 96;
      const from = flips ? at - 96 : at + 4;
      const row = ends[0]! < from ? 0 : ends[1]! < from ? 1 : i % 2;
      ends[row] = from + 96;
      return { ...mark, x: at, row, textX: flips ? at - 4 : at + 4, anchor: flips ? ("end" as const) : ("start" as const) };
    });
}
