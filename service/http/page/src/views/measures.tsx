// Measures: how their values are spread, and their percentiles over time.
import { useState } from "preact/hooks";
import type { Store } from "../engine/store";
import { binsOf, kTrendSamples } from "../engine/trends";
import type { Measure, MeasureKey } from "../engine/types";
import { matches } from "../pure/events.js";
import { measured, short, whole } from "../pure/format.js";
import { TimeChart } from "../ui/chart";
import { Histogram, marksOf, type Mark } from "../ui/histogram";
import { useOption } from "../ui/hooks";
import type { ViewProps } from "../ui/page";
import { Chip, Empty, Panel, SearchField } from "../ui/parts";

const kMostKeys = 200;
const nameOf = (key: MeasureKey) => (key.key.length > 0 ? key.key.join(", ") : "all packets");

export function Measures({ route, store, status }: ViewProps) {
  const [filter, setFilter] = useOption(route, "filter");
  if (status.measures.length === 0)
    return (
      <Empty title="This policy measures nothing">
        A rule such as <code>rule rtt {"{ when flow.opened then measure flow.rtt by ip.dst/24 }"}</code> makes a histogram.
      </Empty>
    );
  return (
    <>
      {status.measures.length > 1 || status.measures.some((one) => one.keys.length > 8) ? (
        <div class="toolbar">
          <SearchField value={filter} onInput={setFilter} label="Filter keys of measures" placeholder="Filter keys" />
        </div>
      ) : null}
      {status.measures.map((measure) => (
        <MeasurePanel key={measure.name} measure={measure} store={store} filter={filter} />
      ))}
    </>
  );
}

function MeasurePanel({ measure, store, filter }: { measure: Measure; store: Store; filter: string }) {
  const [chosen, setChosen] = useState<string>();
  const keys = measure.keys.filter((key) => matches(nameOf(key).toLowerCase(), filter)).slice(0, kMostKeys);
  const key = keys.find((one) => nameOf(one) === chosen) ?? keys[0];
  const unit = measure.unit;
  return (
    <Panel
      title={measure.name}
      class="measure"
      aside={
        <>
          <span class="muted">{measure.by && measure.by.length > 0 ? `by ${measure.by.join(", ")}` : ""}</span>
          {measure.refused > 0 ? <Chip tone="warn">{short(measure.refused)} values had no room</Chip> : null}
        </>
      }
    >
      {!key ? (
        <Empty title={measure.keys.length > 0 ? "No key matches the filter" : "No value yet"} />
      ) : (
        <div class="measure-parts">
          <div class="scroll-x keys-list" tabIndex={0} role="region" aria-label={`Keys of ${measure.name}`}>
            <table class="plain">
              <thead>
                <tr>
                  <th scope="col">{measure.by?.join(", ") || "Key"}</th>
                  {["Values", "p50", "p90", "p99", "Max"].map((title) => (
                    <th scope="col" class="right" key={title}>
                      {title}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {keys.map((one) => (
                  <tr key={nameOf(one)} class={one === key ? "chosen" : ""}>
                    <td class="name">
                      <button type="button" class="as-link" aria-pressed={one === key} onClick={() => setChosen(nameOf(one))}>
                        <bdi>{nameOf(one)}</bdi>
                      </button>
                    </td>
                    <td class="right num">{short(one.count)}</td>
                    <td class="right num">{measured(one.p50, unit)}</td>
                    <td class="right num">{measured(one.p90, unit)}</td>
                    <td class="right num">{measured(one.p99, unit)}</td>
                    <td class="right num">{measured(one.max, unit)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <KeyPlots measure={measure} one={key} store={store} />
        </div>
      )}
    </Panel>
  );
}

function KeyPlots({ measure, one, store }: { measure: Measure; one: MeasureKey; store: Store }) {
  const [span, setSpan] = useState<"all" | "recent">("all");
  const { unit } = measure;
  const all = binsOf(one);
  const recent = store.trends.recent(measure, one);
  const shown = span === "recent" && recent ? recent : all;
  const marks: Mark[] =
    span === "recent" && recent
      ? marksOf(recent)
      : [
          { name: "p50", value: one.p50 },
          { name: "p90", value: one.p90 },
          { name: "p99", value: one.p99 },
        ];
  const trend = store.trends.of(measure, one);
  const title = `${measure.name} of ${nameOf(one)}`;
  return (
    <div class="plots">
      <div class="plots-head">
        <h3>
          <bdi>{nameOf(one)}</bdi>
        </h3>
        {recent ? (
          <div class="choice" role="group" aria-label="Which values">
            <button type="button" aria-pressed={span === "all"} onClick={() => setSpan("all")}>
              All
            </button>
            <button type="button" aria-pressed={span === "recent"} onClick={() => setSpan("recent")}>
              Last 3 min
            </button>
          </div>
        ) : null}
      </div>
      {shown ? (
        shown.some((bin) => bin.count > 0) ? (
          <Histogram label={title} bins={shown} marks={marks} unit={unit} />
        ) : (
          <Empty title="No value in this time" />
        )
      ) : (
        <Range one={one} unit={unit} title={title} />
      )}
      {trend && trend.times.length > 1 ? (
        <TimeChart
          label={`Percentiles of ${title} over time`}
          times={pad(trend.times)}
          series={(["p50", "p90", "p99"] as const).map((name, i) => ({ name, tone: `tone-${name}`, values: pad(trend.lines[i]!) }))}
          format={(value) => measured(value, unit)}
          height={150}
          spanMs={kTrendSamples * 1000}
          log
        />
      ) : null}
      {shown ? (
        <details>
          <summary>As a table</summary>
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col">To</th>
                <th scope="col" class="right">
                  Values
                </th>
              </tr>
            </thead>
            <tbody>
              {shown
                .filter((bin) => bin.count > 0)
                .map((bin) => (
                  <tr key={bin.from}>
                    <td class="num">{measured(bin.from, unit)}</td>
                    <td class="num">{measured(bin.to, unit)}</td>
                    <td class="right num">{whole(bin.count)}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        </details>
      ) : null}
    </div>
  );
}

const pad = (values: number[]) => [...new Array<number>(Math.max(0, kTrendSamples - values.length)).fill(NaN), ...values];

// Keys beyond the first twenty have no histogram: their percentiles as places on a line.
function Range({ one, unit, title }: { one: MeasureKey; unit: string; title: string }) {
  const low = Math.max(1, one.p50 / 4);
  const high = Math.max(low * 2, one.max);
  const x = (value: number) => 10 + (580 * Math.log(Math.max(value, low) / low)) / Math.log(high / low);
  return (
    <svg class="range" viewBox="0 0 600 44" role="img" aria-label={`${title}: p50 ${measured(one.p50, unit)}, p90 ${measured(one.p90, unit)}, p99 ${measured(one.p99, unit)}`}>
      <line class="ground" x1="10" x2="590" y1="22" y2="22" />
      <rect class="bar" x={x(one.p50)} width={Math.max(2, x(one.p99) - x(one.p50))} y="16" height="12" rx="2" />
      {(["p50", "p90", "p99", "max"] as const).map((name) => (
        <line key={name} class={`mark-line tone-${name}`} x1={x(one[name])} x2={x(one[name])} y1="10" y2="34" />
      ))}
    </svg>
  );
}
