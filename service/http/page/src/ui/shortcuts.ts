// Keys without a modifier. They can be turned off (help), as those who speak to their computer need.
import { useEffect } from "preact/hooks";
import { go, kViews } from "./hooks";

const kOffKey = "weir.keys.off";
export const keysAreOn = () => localStorage.getItem(kOffKey) === null;
export function turnKeys(on: "on" | "off") {
  if (on === "on") localStorage.removeItem(kOffKey);
  else localStorage.setItem(kOffKey, "1");
}

// What a view offers: Events stops its list with `p`.
export const viewKeys: Record<string, () => void> = {};

export function useShortcuts({ help, theme }: { help: () => void; theme: () => void }) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.altKey || event.metaKey || !keysAreOn()) return;
      if (target.closest("input, textarea, select, dialog")) return;
      const digit = /^[1-9]$/.test(event.key) ? kViews[Number(event.key) - 1] : undefined;
      if (digit) go(digit);
      else if (event.key === "?") help();
      else if (event.key === "t") theme();
      else if (event.key === "/") document.querySelector<HTMLInputElement>("[data-filter]")?.focus();
      else if (viewKeys[event.key]) viewKeys[event.key]!();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [theme]);
}
