// Lines of a policy with their numbers and colours.
import { useEffect, useState } from "preact/hooks";
import { tokens } from "../pure/tokens.js";
import { useSize } from "./hooks";

export const kLineHeight = 20;

function Line({ text, number, wanted }: { text: string; number: number; wanted?: boolean }) {
  return (
    <>
      <span class="line-number">{number}</span>
      <code class={wanted ? "wanted" : ""}>
        {tokens(text).map((piece, i) => (piece.kind ? <span key={i} class={`t-${piece.kind}`}>{piece.text}</span> : piece.text))}
        {text === "" ? "\u200b" : null}
      </code>
    </>
  );
}

export function CodeLines({ lines, first, label }: { lines: string[]; first: number; label: string }) {
  return (
    <div class="code" tabIndex={0} role="region" aria-label={label}>
      {lines.map((text, i) => (
        <div class="code-line" key={i}>
          <Line text={text} number={first + i} />
        </div>
      ))}
    </div>
  );
}

// A whole text. Up to some length all of it is in the document, for the browser's own search; beyond, what can be seen.
const kMostWhole = 3000;
export function CodeText({ lines, label, wanted, found }: { lines: string[]; label: string; wanted: number | undefined; found: Set<number> }) {
  const [place, size] = useSize<HTMLDivElement>();
  const [top, setTop] = useState(0);
  const whole = lines.length <= kMostWhole;
  const first = whole ? 0 : Math.max(0, Math.floor(top / kLineHeight) - 20);
  const last = whole ? lines.length : Math.min(lines.length, first + Math.ceil((size.height || 600) / kLineHeight) + 40);
  useEffect(() => {
    const box = place.current;
    if (!box || wanted === undefined) return;
    const y = (wanted - 1) * kLineHeight;
    if (y < box.scrollTop + kLineHeight || y > box.scrollTop + box.clientHeight - 2 * kLineHeight) box.scrollTop = Math.max(0, y - box.clientHeight / 3);
  }, [wanted, lines]);
  return (
    <div class="code whole" ref={place} tabIndex={0} role="region" aria-label={label} onScroll={(event) => (whole ? undefined : setTop(event.currentTarget.scrollTop))}>
      <div class="code-all" style={{ height: `${lines.length * kLineHeight}px` }}>
        {lines.slice(first, last).map((text, i) => {
          const number = first + i + 1;
          return (
            <div class={`code-line ${found.has(number) ? "found" : ""} ${wanted === number ? "at" : ""}`} key={number} style={{ top: `${(number - 1) * kLineHeight}px` }}>
              <Line text={text} number={number} wanted={wanted === number} />
            </div>
          );
        })}
      </div>
    </div>
  );
}
