// Server-sent events from the pieces that a stream brings (HTML, section 9.2.6).
// @ts-check

const kMostLine = 1 << 20; // characters; an engine's lines are shorter

export class EventParser {
  /** @param {(type: string, data: string) => void} take */
  constructor(take) {
    this.take = take;
    this.rest = "";
    this.type = "";
    /** @type {string[]} */
    this.data = [];
  }

  /** @param {string} piece */
  push(piece) {
    const text = this.rest + piece;
    const ends = /\r\n|\r|\n/g;
    let from = 0;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      if (end[0] === "\r" && end.index + 1 === text.length) break; // a line feed may follow
      this.#line(text.slice(from, end.index));
      from = ends.lastIndex;
    }
    this.rest = text.slice(from);
    if (this.rest.length > kMostLine) throw new Error("a line of the event stream is too long");
  }

  /** @param {string} line */
  #line(line) {
    if (line === "") {
      if (this.data.length > 0) this.take(this.type || "message", this.data.join("\n"));
      this.type = "";
      this.data = [];
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.type = value;
  }
}
