// Percentiles of measures over time: of what came within the last seconds, of the keys that have a histogram.
import type { Measure, MeasureKey } from "./types";
import { between, bins, quantile, type Bin } from "../pure/quantiles.js";

export const kTrendSamples = 180;
const kWindow = 10; // samples that one point stands for
const kShares = [0.5, 0.9, 0.99] as const;

export interface Trend {
  times: number[];
  readings: number[][]; // counts by bucket; one a sample
  lines: [number[], number[], number[]]; // p50, p90, p99
}

export const trendKey = (measure: string, key: string[]) => JSON.stringify([measure, ...key]);

export class MeasureTrends {
  #trends = new Map<string, Trend>();

  take(measures: Measure[], at: number) {
    const seen = new Set<string>();
    for (const measure of measures)
      for (const key of measure.keys) {
        if (!key.counts) continue;
        const name = trendKey(measure.name, key.key);
        seen.add(name);
        this.#add(name, key.counts, at);
      }
    for (const name of this.#trends.keys()) if (!seen.has(name)) this.#trends.delete(name);
  }

  #add(name: string, reading: number[], at: number) {
    let trend = this.#trends.get(name);
    if (!trend) this.#trends.set(name, (trend = { times: [], readings: [], lines: [[], [], []] }));
    const earlier = trend.readings.at(-kWindow) ?? trend.readings[0];
    trend.times.push(at);
    trend.readings.push(reading);
    const came = earlier ? bins(between(reading, earlier)) : [];
    kShares.forEach((share, i) => trend.lines[i]!.push(earlier ? quantile(came, share) : NaN));
    if (trend.times.length > kTrendSamples) for (const list of [trend.times, trend.readings, ...trend.lines]) list.shift();
  }

  of(measure: Measure, key: MeasureKey): Trend | undefined {
    return this.#trends.get(trendKey(measure.name, key.key));
  }

  // What came since the first reading that is kept: of the last three minutes at most.
  recent(measure: Measure, key: MeasureKey): Bin[] | undefined {
    const trend = this.of(measure, key);
    if (!trend || trend.readings.length < 2) return undefined;
    return bins(between(trend.readings.at(-1)!, trend.readings[0]));
  }
}

export const binsOf = (key: MeasureKey): Bin[] | undefined => (key.counts ? bins(key.counts) : undefined);
