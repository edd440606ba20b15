// When a status was taken, on the clock of this browser. Intervals are the engine's own: neither the network nor a busy browser
// changes a rate.
// @ts-check

const kMostDriftMs = 5000; // beyond, the engine is another one, or one of the two was asleep

export class EngineClock {
  constructor() {
    this.offset = NaN; // from the engine's clock to that of the browser
  }

  /** @param {number} takenMs by the engine's clock; NaN: not known @param {number} nowMs @returns {number} */
  local(takenMs, nowMs) {
    if (Number.isNaN(takenMs)) return nowMs;
    const offset = nowMs - takenMs;
    // The smallest offset is that of the answer that was fastest.
    if (Number.isNaN(this.offset) || Math.abs(offset - this.offset) > kMostDriftMs || offset < this.offset) this.offset = offset;
    return takenMs + this.offset;
  }
}
