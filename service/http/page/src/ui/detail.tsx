// What is open beside a table. Esc closes it, and the table has the focus again.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export function Detail({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const place = useRef<HTMLElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || (event.target as Element).closest("dialog")) return;
      const grid = place.current?.parentElement?.querySelector<HTMLElement>("[role=grid]");
      close.current();
      grid?.focus();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <aside class="detail panel" ref={place} aria-label={title}>
      <header>
        <h2>
          <bdi>{title}</bdi>
        </h2>
        <button type="button" class="close" onClick={onClose} aria-label="Close" title="Close (Esc)">
          ✕
        </button>
      </header>
      <div class="detail-body">{children}</div>
    </aside>
  );
}
