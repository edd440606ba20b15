// What a row of the event list shows of an EVE line (docs/sinks.md).
// @ts-check

/** @typedef {{
 *   number: number, time: string, alert: string, rule: string, severity: string, verdict: string, observed: boolean,
 *   from: string, to: string, proto: string, iface: string, direction: string, message: string, suppressed: number,
 *   searched: string, eve: Record<string, unknown>}} EventRow */

/** @param {unknown} value */
const text = (value) => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");
/** @param {unknown} value @returns {Record<string, unknown>} */
const object = (value) => (value && typeof value === "object" && !Array.isArray(value) ? /** @type {any} */ (value) : {});

/** 192.0.2.1:443, [2001:db8::1]:443, 192.0.2.1. @param {string} address @param {string} port */
export function endpoint(address, port) {
  if (!address) return port ? `port ${port}` : "";
  if (!port) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** @param {Record<string, unknown>} eve @param {number} number that no other row has @returns {EventRow} */
export function eventRow(eve, number) {
  const weir = object(eve.weir);
  const alert = object(eve.alert);
  const verdict = object(eve.verdict);
  const row = {
    number,
    time: text(eve.timestamp),
    alert: text(alert.signature) || text(weir.alert),
    rule: text(weir.rule),
    severity: text(weir.severity) || ["", "high", "medium", "low"][Number(alert.severity)] || "",
    verdict: text(weir.verdict) || text(verdict.action),
    observed: weir.verdict !== undefined && weir.verdict !== "pass" && text(verdict.action) === "alert",
    from: endpoint(text(eve.src_ip), text(eve.src_port)),
    to: endpoint(text(eve.dest_ip), text(eve.dest_port)),
    proto: text(eve.proto),
    iface: text(eve.in_iface) || text(eve.out_iface),
    direction: text(weir.direction),
    message: text(weir.message),
    suppressed: Number(weir.suppressed) || 0,
    searched: "",
    eve,
  };
  row.searched = [row.alert, row.rule, row.severity, row.verdict, row.from, row.to, row.proto, row.iface, row.message].join("\n").toLowerCase();
  return row;
}

/** All words of a filter must be there. @param {string} searched in lower case @param {string} filter */
export function matches(searched, filter) {
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => word === "" || searched.includes(word));
}
