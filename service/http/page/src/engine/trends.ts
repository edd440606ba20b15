// Percentiles of measures over time: of what came within the last seconds, where an engine gives buckets.
import type { Measure, MeasureKey } from "./types";
import { between, bins, quantile, type Bin } from "../pure/quantiles.js";

export const kTrendSamples = 180;
const kWindow = 10; // samples that one point stands for
const kShares = [0.5, 0.9, 0.99] as const;

export interface Trend {
  times: number[];
  readings: number[][]; // buckets, then all values; one a sample
  lines: [number[], number[], number[]]; // p50, p90, p99
}

export const trendKey = (measure: string, key: string[]) => JSON.stringify([measure, ...key]);

export class MeasureTrends {
  #trends = new Map<string, Trend>();

  take(measures: Measure[], at: number) {
    const seen = new Set<string>();
    for (const measure of measures)
      for (const key of measure.keys) {
        if (!key.buckets || !measure.bounds) continue;
        const name = trendKey(measure.name, key.key);
        seen.add(name);
        this.#add(name, measure.bounds, [...key.buckets, key.count], at);
      }
    for (const name of this.#trends.keys()) if (!seen.has(name)) this.#trends.delete(name);
  }

  #add(name: string, bounds: number[], reading: number[], at: number) {
    let trend = this.#trends.get(name);
    if (!trend) this.#trends.set(name, (trend = { times: [], readings: [], lines: [[], [], []] }));
    const earlier = trend.readings.at(-kWindow) ?? trend.readings[0];
    trend.times.push(at);
    trend.readings.push(reading);
    const came = earlier ? toBins(bounds, between(reading, earlier)) : [];
    kShares.forEach((share, i) => trend.lines[i]!.push(earlier ? quantile(came, share) : NaN));
    if (trend.times.length > kTrendSamples) for (const list of [trend.times, trend.readings, ...trend.lines]) list.shift();
  }

  of(measure: Measure, key: MeasureKey): Trend | undefined {
    return this.#trends.get(trendKey(measure.name, key.key));
  }

  // What came since the first reading that is kept: of the last three minutes at most.
  recent(measure: Measure, key: MeasureKey): Bin[] | undefined {
    const trend = this.of(measure, key);
    if (!trend || !measure.bounds || trend.readings.length < 2) return undefined;
    return toBins(measure.bounds, between(trend.readings.at(-1)!, trend.readings[0]));
  }
}

function toBins(bounds: number[], reading: number[]): Bin[] {
  return bins(bounds, reading.slice(0, -1), reading.at(-1)!);
}

export function binsOf(measure: Measure, key: MeasureKey): Bin[] | undefined {
  return key.buckets && measure.bounds ? bins(measure.bounds, key.buckets, key.count, key.max) : undefined;
}
