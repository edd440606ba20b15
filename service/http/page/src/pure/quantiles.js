// Histograms as an engine gives them: values 0 to 3 have a bucket each, and then each power of two has four.
// @ts-check

/** @typedef {{from: number, to: number, count: number}} Bin values `from` to `to`, inclusive */

/** The smallest value of a bucket. @param {number} bucket */
export function bucketFirst(bucket) {
  return bucket < 4 ? bucket : (4 + (bucket % 4)) * Math.pow(2, Math.floor(bucket / 4) - 1);
}

/** @param {number[]} counts of values, by bucket @returns {Bin[]} */
export function bins(counts) {
  return counts.map((count, i) => ({ from: bucketFirst(i), to: bucketFirst(i + 1) - 1, count }));
}

/** What came between two readings; the later one may have more buckets. Counters that were set back give the later one.
 * @param {number[]} later @param {number[] | undefined} earlier @returns {number[]} */
export function between(later, earlier) {
  if (!earlier || earlier.length > later.length || earlier.some((value, i) => value > /** @type {number} */ (later[i]))) return later;
  return later.map((value, i) => value - (earlier[i] ?? 0));
}

/** The value below which a share of all values are; even on a logarithmic axis within a bin. NaN of no values.
 * @param {Bin[]} all @param {number} share */
export function quantile(all, share) {
  const count = all.reduce((sum, bin) => sum + bin.count, 0);
  if (count === 0) return NaN;
  const wanted = share * count;
  let before = 0;
  for (const bin of all) {
    if (bin.count > 0 && before + bin.count >= wanted) {
      const part = Math.min(1, Math.max(0, (wanted - before) / bin.count));
      const low = lowEnd(bin);
      return low > 0 ? low * Math.pow(Math.max(bin.to, low) / low, part) : bin.to * part;
    }
    before += bin.count;
  }
  return NaN;
}

/** Where a bin begins on a logarithmic axis, which has no 0. @param {Bin} bin */
export function lowEnd(bin) {
  return bin.from > 0 ? bin.from : Math.max(bin.to / 4, Math.min(bin.to, 1));
}

/** Bins without the empty ones at both ends. @param {Bin[]} all @returns {Bin[]} */
export function filled(all) {
  const first = all.findIndex((bin) => bin.count > 0);
  const last = all.findLastIndex((bin) => bin.count > 0);
  return first < 0 ? [] : all.slice(first, last + 1);
}

/** Ticks of a logarithmic axis: powers of ten from `low` to `high`, with 2 and 5 between where there are few.
 * @param {number} low @param {number} high @returns {number[]} */
export function logTicks(low, high) {
  /** @type {number[]} */
  const ticks = [];
  const few = Math.log10(high / low) < 1.6;
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); ++power)
    for (const digit of few ? [1, 2, 5] : [1]) {
      const tick = digit * Math.pow(10, power);
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  return ticks;
}

/** The top of a linear axis: 1, 2 or 5 times a power of ten. @param {number} largest */
export function niceTop(largest) {
  if (!(largest > 0)) return 1;
  const power = Math.pow(10, Math.floor(Math.log10(largest)));
  for (const step of [1, 1.5, 2, 3, 4, 5, 6, 8, 10]) if (largest <= step * power * 1.0001) return step * power;
  return 10 * power;
}
