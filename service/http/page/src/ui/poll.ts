// Something that a view asks for again and again while it is shown.
import { useEffect, useState } from "preact/hooks";
import { ApiError, getJson } from "../engine/api";
import { backoff } from "../pure/backoff.js";

export interface Polled<T> {
  value: T | undefined;
  error: string;
  help: string;
}

export function usePolled<T>(path: string | undefined, everyMs: number): Polled<T> {
  const [polled, setPolled] = useState<Polled<T> & { path?: string | undefined }>({ value: undefined, error: "", help: "" });
  useEffect(() => {
    if (!path) return;
    const asking = new AbortController();
    let timer = 0;
    let failures = 0;
    const ask = async () => {
      try {
        const { value } = await getJson<T>(path, asking.signal);
        failures = 0;
        setPolled({ value, error: "", help: "", path });
      } catch (error) {
        if (asking.signal.aborted) return;
        failures += 1;
        const help = error instanceof ApiError ? error.help : "";
        setPolled((old) => ({ value: old.path === path ? old.value : undefined, error: error instanceof Error ? error.message : String(error), help, path }));
      }
      timer = window.setTimeout(() => void ask(), failures > 0 ? Math.max(everyMs, backoff(failures, Math.random())) : everyMs);
    };
    void ask();
    return () => {
      asking.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs]);
  return polled.path === path ? polled : { value: undefined, error: "", help: "" };
}
