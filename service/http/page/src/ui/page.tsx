// The frame around the views: who the engine is, how the link to it is, and the tabs.
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Guard } from "./guard";
import { Help } from "./help";
import { go, kViews, useNow, useRoute, useStore, useTheme, type Theme, type View } from "./hooks";
import { Chip, type Tone } from "./parts";
import { TokenForm } from "./token";
import { useShortcuts } from "./shortcuts";
import type { Store } from "../engine/store";
import { findings } from "../pure/health.js";
import { bitrate, duration, short } from "../pure/format.js";
import type { Route } from "../pure/route.js";
import { Overview } from "../views/overview";
import { Rules } from "../views/rules";
import { Events } from "../views/events";
import { Sinks } from "../views/sinks";
import { Measures } from "../views/measures";
import { Sets } from "../views/sets";
import { Flows } from "../views/flows";
import { Reloads } from "../views/reloads";
import { PolicyView } from "../views/policy";
import type { Status } from "../engine/types";

export interface ViewProps {
  route: Route;
  store: Store;
  status: Status;
}
const kTabs: Record<View, { title: string; view: ComponentType<ViewProps> }> = {
  overview: { title: "Overview", view: Overview },
  rules: { title: "Rules", view: Rules },
  events: { title: "Events", view: Events },
  sinks: { title: "Sinks", view: Sinks },
  measures: { title: "Measures", view: Measures },
  sets: { title: "Sets", view: Sets },
  flows: { title: "Flows", view: Flows },
  reloads: { title: "Reloads", view: Reloads },
  policy: { title: "Policy", view: PolicyView },
};

export function Page() {
  const store = useStore();
  const route = useRoute();
  const [help, setHelp] = useState(false);
  const [theme, setTheme] = useTheme();
  const cycle = () => setTheme(({ auto: "light", light: "dark", dark: "auto" } as const)[theme]);
  useShortcuts({ help: () => setHelp(true), theme: cycle });
  const view = route.view as View;
  const main = useRef<HTMLElement>(null);
  const status = store.status;

  useEffect(() => {
    document.title = `${kTabs[view].title} · ${status ? status.name : "weir"} · weir`;
  }, [view, status?.name]);

  const Shown = kTabs[view].view;
  return (
    <div class="frame">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <Header store={store} theme={theme} onTheme={cycle} onHelp={() => setHelp(true)} />
      <Tabs view={view} store={store} />
      <main id="main" ref={main} tabIndex={-1} class={`view-${view}`}>
        <div id="view" role="tabpanel" aria-labelledby={`tab-${view}`}>
          <LinkBanner store={store} />
          {store.link.state === "token" ? (
            <TokenForm store={store} />
          ) : status ? (
            <Guard key={view}>
              <Shown route={route} store={store} status={status} />
            </Guard>
          ) : (
            <Waiting store={store} />
          )}
        </div>
      </main>
      <Help open={help} onClose={() => setHelp(false)} />
    </div>
  );
}

function Header({ store, theme, onTheme, onHelp }: { store: Store; theme: Theme; onTheme: () => void; onHelp: () => void }) {
  const { status, history } = store;
  return (
    <header class="top">
      <div class="brand">
        <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
          <rect width="32" height="32" rx="7" class="brand-ground" />
          <path class="brand-water" d="M4 12.5c3 0 3-3 6-3s3 3 6 3 3-3 6-3 3 3 6 3" />
          <path class="brand-posts" d="M9 16v9M16 16v9M23 16v9" />
        </svg>
        <h1>
          weir{status ? <span class="engine"> {status.name}</span> : null}
        </h1>
      </div>
      {status ? (
        <div class="facts-line">
          <span>
            policy <b>{status.policy}</b>
          </span>
          <span>
            generation <b>{status.generation}</b>
          </span>
          <span class="rate">
            <b>{short(history.rate("packets"))}</b> packets/s
          </span>
          <span class="rate bits">
            <b>{Number.isNaN(history.rate("bytes")) ? "" : bitrate(history.rate("bytes"))}</b>
          </span>
        </div>
      ) : (
        <div class="facts-line" />
      )}
      <LinkChip store={store} />
      <button type="button" class="tool" onClick={onTheme} aria-label={`Colours: ${theme}. Change`} title={`Colours: ${theme}`}>
        <ThemeIcon theme={theme} />
      </button>
      <button type="button" class="tool" onClick={onHelp} aria-label="Keys and help" title="Keys and help (?)">
        ?
      </button>
    </header>
  );
}

function ThemeIcon({ theme }: { theme: Theme }) {
  const paths = {
    auto: <path d="M12 3a9 9 0 0 0 0 18z M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18z" fill-rule="evenodd" class="half" />,
    light: <path d="M12 7a5 5 0 1 0 0 10a5 5 0 0 0 0-10zM12 1v3M12 20v3M1 12h3M20 12h3M4.2 4.2l2.1 2.1M17.7 17.7l2.1 2.1M4.2 19.8l2.1-2.1M17.7 6.3l2.1-2.1" class="lines" />,
    dark: <path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z" class="lines" />,
  };
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {paths[theme]}
    </svg>
  );
}

function LinkChip({ store }: { store: Store }) {
  const states: Record<Store["link"]["state"], [Tone, string]> = {
    connecting: ["plain", "connecting"],
    live: store.stream.state === "lost" ? ["warn", "live, events away"] : ["ok", "live"],
    lost: ["bad", "engine away"],
    token: ["warn", "token needed"],
  };
  const [tone, text] = states[store.link.state];
  return (
    <div class="link" role="status" aria-live="polite">
      <Chip tone={tone}>{text}</Chip>
    </div>
  );
}

function LinkBanner({ store }: { store: Store }) {
  const now = useNow();
  const { link } = store;
  if (link.state !== "lost") return null;
  const inMs = link.retryAt - now;
  return (
    <div class="banner bad">
      <div>
        <b>The engine does not answer</b>
        <span>
          {" "}
          for {duration(now - link.since)}: {link.reason}.{store.status ? " What you see is from before." : ""}
        </span>
      </div>
      <div class="banner-aside">
        <span class="muted num">{inMs > 500 ? `again in ${duration(inMs)}` : "asking now"}</span>
        <button type="button" onClick={() => store.retry()}>
          Try now
        </button>
      </div>
    </div>
  );
}

function Waiting({ store }: { store: Store }) {
  if (store.link.state === "connecting") return <div class="waiting">Connecting to the engine…</div>;
  return <div class="waiting">Nothing is known of the engine yet. Does it run, and with --listen at this address?</div>;
}

function Tabs({ view, store }: { view: View; store: Store }) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector(`#tab-${view}`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [view]);
  const onKeyDown = (event: KeyboardEvent) => {
    const at = kViews.indexOf(view);
    const steps: Record<string, number> = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: kViews.length - 1 };
    const step = steps[event.key];
    if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const next = kViews[(step + kViews.length) % kViews.length]!;
    go(next);
    list.current?.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
  };
  return (
    <nav class="tabs" aria-label="Views">
      <div role="tablist" ref={list} onKeyDown={onKeyDown} aria-label="Views">
        {kViews.map((one) => (
          <a
            key={one}
            id={`tab-${one}`}
            role="tab"
            href={`#${one}`}
            aria-selected={one === view}
            aria-controls="view"
            tabIndex={one === view ? 0 : -1}
            class={one === view ? "on" : ""}
          >
            <span>{kTabs[one].title}</span>
            <Badge view={one} store={store} />
          </a>
        ))}
      </div>
    </nav>
  );
}

function Badge({ view, store }: { view: View; store: Store }) {
  const { status } = store;
  if (!status) return null;
  const worst = findings(status).find((one) => one.view === view && one.level !== "note")?.level;
  const counts: Partial<Record<View, number>> = {
    rules: status.rules.length,
    events: store.eventsSeen,
    sinks: status.sinks.length,
    measures: status.measures.length,
    sets: status.sets.length,
    flows: status.flows?.flows ?? 0,
  };
  const count = counts[view];
  return (
    <>
      {worst ? <span class={`dot ${worst}`} aria-label={worst === "bad" ? "a problem" : "a warning"} role="img" /> : null}
      {count ? <span class="badge">{short(count)}</span> : null}
    </>
  );
}
