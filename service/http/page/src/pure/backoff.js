// How long to wait before the next attempt: 1 s, doubled up to 30 s, and a fifth of it by chance, so that many pages do
// not come back at once.
// @ts-check

/** @param {number} attempts that failed, 1 at least @param {number} chance from 0 to 1 @returns {number} in ms */
export function backoff(attempts, chance) {
  const base = Math.min(30_000, 1000 * Math.pow(2, Math.min(attempts - 1, 10)));
  return Math.round(base * (0.9 + 0.2 * chance));
}
