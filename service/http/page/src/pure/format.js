// Numbers as operators read them. Widths are steady, so that columns do not dance.
// @ts-check

const kUnits = ["", "k", "M", "G", "T", "P", "E"];
const kNone = "–";

/** Three significant digits and a unit: 950, 12.3k, 4.56M. @param {number | undefined} value */
export function short(value) {
  if (value === undefined || !Number.isFinite(value)) return kNone;
  const sign = value < 0 ? "−" : "";
  let rest = Math.abs(value);
  if (rest < 0.005) return "0";
  if (rest < 99.95 && !Number.isInteger(rest)) return sign + rest.toFixed(rest < 9.995 ? 2 : 1);
  let unit = 0;
  while (rest >= 999.5 && unit + 1 < kUnits.length) (rest /= 1000), ++unit;
  if (unit === 0) return sign + rest.toFixed(0);
  return sign + rest.toFixed(rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0) + kUnits[unit];
}

/** All digits, in groups of three. @param {number | undefined} value */
export function whole(value) {
  if (value === undefined || !Number.isFinite(value)) return kNone;
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** @param {number | undefined} value of bytes */
export function bytes(value) {
  if (value === undefined || !Number.isFinite(value)) return kNone;
  return value < 999.5 ? `${Math.round(value)} B` : `${short(value).replace(/([kMGTPE])$/, " $1")}B`;
}

/** A rate of a line, in bits. @param {number | undefined} value in bytes a second */
export function bitrate(value) {
  if (value === undefined || !Number.isFinite(value)) return kNone;
  const bits = value * 8;
  return bits < 999.5 ? `${Math.round(bits)} bit/s` : `${short(bits).replace(/([kMGTPE])$/, " $1")}bit/s`;
}

/** @param {number | undefined} ns */
export function nanoseconds(ns) {
  if (ns === undefined || !Number.isFinite(ns)) return kNone;
  if (ns < 1000) return `${Math.round(ns)} ns`;
  const digits = (/** @type {number} */ value) => value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
  if (ns < 999.5e3) return `${digits(ns / 1e3)} µs`;
  if (ns < 999.5e6) return `${digits(ns / 1e6)} ms`;
  if (ns < 99.95e9) return `${digits(ns / 1e9)} s`;
  return duration(ns / 1e6);
}

/** Two units at most: 4 s, 3 min 20 s, 2 h 5 min, 12 d 3 h. @param {number | undefined} ms @param {number} [units] at most */
export function duration(ms, units = 2) {
  if (ms === undefined || !Number.isFinite(ms)) return kNone;
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const parts = /** @type {[number, string][]} */ ([
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ]);
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + units)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

/** A value of a measure. @param {number | undefined} value @param {string} unit "ns", "bytes" or "" */
export function measured(value, unit) {
  return unit === "ns" ? nanoseconds(value) : unit === "bytes" ? bytes(value) : short(value);
}

/** The text of a tick: 10 ms for 10.0 ms. @param {string} text */
export function tickText(text) {
  return text.replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");
}

/** @param {number} share from 0 to 1 */
export function percent(share) {
  if (!Number.isFinite(share)) return kNone;
  const value = share * 100;
  if (value === 0 || value === 100) return `${value}%`;
  if (value < 0.01) return "<0.01%";
  if (value > 99.99) return ">99.99%";
  return `${value.toFixed(value < 9.95 ? 2 : 1)}%`;
}

/** The clock of this browser, to the millisecond. @param {string} rfc3339 */
export function clock(rfc3339) {
  const time = new Date(rfc3339);
  if (Number.isNaN(time.getTime())) return rfc3339;
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

/** Date and clock of this browser. @param {string} rfc3339 */
export function moment(rfc3339) {
  const time = new Date(rfc3339);
  if (Number.isNaN(time.getTime())) return rfc3339 || kNone;
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock(rfc3339).slice(0, 8)}`;
}

/** @param {number} count @param {string} one @param {string} [many] */
export function plural(count, one, many) {
  return `${whole(count)} ${count === 1 ? one : (many ?? one + "s")}`;
}
