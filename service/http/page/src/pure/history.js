// Counters over time: what a second brings, from what an engine has counted in all.
// @ts-check

/** One counter: the rates of the last `ring.length` samples. */
export class Track {
  /** @param {number} samples */
  constructor(samples) {
    this.last = NaN;
    this.rate = NaN;
    this.seen = 0; // the number of the last sample that had it
    this.ring = samples > 0 ? new Float32Array(samples).fill(NaN) : null;
  }
}

export class History {
  constructor() {
    /** @type {Map<string, Track>} */
    this.tracks = new Map();
    this.samples = 0;
    this.at = NaN; // ms
    this.seconds = NaN; // of the last sample
    /** Times of samples, in ms; of the newest kTimes. */
    this.times = new Float64Array(kTimes).fill(NaN);
  }

  /** Begins a sample. @param {number} at in ms */
  begin(at) {
    this.seconds = (at - this.at) / 1000;
    this.at = at;
    this.times[this.samples % kTimes] = at;
    this.samples += 1;
  }

  /** @param {string} key @param {number} samples @returns {Track} */
  #track(key, samples) {
    let track = this.tracks.get(key);
    if (!track) this.tracks.set(key, (track = new Track(samples)));
    return track;
  }

  /** @param {Track} track @param {number} value that stands for this sample */
  #put(track, value) {
    if (!track.ring) return;
    // What was missed (a rule that came back) is not known.
    const missed = track.seen === 0 ? 0 : Math.min(this.samples - track.seen - 1, track.ring.length);
    for (let i = 0; i < missed; ++i) track.ring[(track.seen + i) % track.ring.length] = NaN;
    track.ring[(this.samples - 1) % track.ring.length] = value;
  }

  /** A counter that only grows. One that shrank was set back, and starts again. @param {string} key @param {number} value @param {number} samples kept */
  count(key, value, samples = 0) {
    const track = this.#track(key, samples);
    const follows = track.seen === this.samples - 1 && this.seconds > 0;
    track.rate = follows && value >= track.last ? (value - track.last) / this.seconds : follows ? 0 : NaN;
    this.#put(track, track.rate);
    track.last = value;
    track.seen = this.samples;
    return track.rate;
  }

  /** A value that goes up and down. @param {string} key @param {number} value @param {number} samples kept */
  gauge(key, value, samples) {
    const track = this.#track(key, samples);
    track.rate = value;
    this.#put(track, value);
    track.last = value;
    track.seen = this.samples;
  }

  /** Ends a sample: what it did not mention for long is forgotten. */
  end() {
    if (this.samples % kForgetEvery !== 0) return;
    for (const [key, track] of this.tracks) if (track.seen < this.samples - kForgetAfter) this.tracks.delete(key);
  }

  /** The last rate: NaN where it is not known. @param {string} key */
  rate(key) {
    const track = this.tracks.get(key);
    return track && track.seen === this.samples ? track.rate : NaN;
  }

  /** The last `count` samples, the oldest first; NaN where there was none. @param {string} key @param {number} count @returns {number[]} */
  series(key, count) {
    const ring = this.tracks.get(key)?.ring;
    const seen = this.tracks.get(key)?.seen ?? 0;
    return Array.from({ length: count }, (_, i) => {
      const sample = this.samples - count + i;
      if (!ring || sample < 0 || sample < this.samples - ring.length || sample >= seen) return NaN;
      return /** @type {number} */ (ring[sample % ring.length]);
    });
  }

  /** Times of the last `count` samples, in ms. @param {number} count @returns {number[]} */
  when(count) {
    return Array.from({ length: count }, (_, i) => {
      const sample = this.samples - count + i;
      return sample < 0 || count > kTimes ? NaN : /** @type {number} */ (this.times[sample % kTimes]);
    });
  }
}

export const kTimes = 300;
const kForgetEvery = 60;
const kForgetAfter = 300;
