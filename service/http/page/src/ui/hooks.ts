import { useCallback, useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { store, type Store } from "../engine/store";
import { readRoute, writeRoute, type Route } from "../pure/route.js";

// Draws the component again whenever the store has changed.
export function useStore(): Store {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useLayoutEffect(() => store.subscribe(() => again(undefined as never)), []); // before anything else can happen
  return store;
}

export const kViews = ["overview", "rules", "events", "sinks", "measures", "sets", "flows", "reloads", "policy"] as const;
export type View = (typeof kViews)[number];

export function useRoute(): Route {
  const [route, setRoute] = useState(() => readRoute(location.hash, kViews));
  useEffect(() => {
    const read = () => setRoute(readRoute(location.hash, kViews));
    addEventListener("hashchange", read);
    return () => removeEventListener("hashchange", read);
  }, []);
  return route;
}

export function go(view: string, item = "", options: Record<string, string> = {}) {
  location.hash = writeRoute({ view, item, options });
}

// One option of the address, kept there so that a link leads to the same view. No entry in the browser's history.
export function useOption(route: Route, name: string, usual = ""): [string, (value: string) => void] {
  const set = useCallback(
    (value: string) => {
      const now = readRoute(location.hash, kViews);
      const options = { ...now.options, [name]: value === usual ? "" : value };
      history.replaceState(null, "", writeRoute({ ...now, options }));
      dispatchEvent(new HashChangeEvent("hashchange"));
    },
    [name, usual],
  );
  return [route.options[name] ?? usual, set];
}

// Width and height of an element, as they change.
export function useSize<T extends HTMLElement>(): [{ current: T | null }, { width: number; height: number }] {
  const place = useRef<T>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    const read = () => setSize((old) => (old.width === element.clientWidth && old.height === element.clientHeight ? old : { width: element.clientWidth, height: element.clientHeight }));
    const observer = new ResizeObserver(read);
    observer.observe(element);
    read();
    return () => observer.disconnect();
  }, []);
  return [place, size];
}

// The time, each second: for countdowns.
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export type Theme = "auto" | "light" | "dark";
const kThemeKey = "weir.theme";

export function applyTheme(theme: Theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
export function readTheme(): Theme {
  const kept = localStorage.getItem(kThemeKey);
  return kept === "light" || kept === "dark" ? kept : "auto";
}
export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState(readTheme);
  return [
    theme,
    (next) => {
      if (next === "auto") localStorage.removeItem(kThemeKey);
      else localStorage.setItem(kThemeKey, next);
      applyTheme(next);
      setTheme(next);
    },
  ];
}
