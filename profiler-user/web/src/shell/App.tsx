// The whole page: header, timeline, filters, the panes and the notices. What a pane shows is its own business.

import {useEffect, useState} from "preact/hooks";
import {ask} from "../api/client.ts";
import {useLoaded, type Loaded} from "../data/loaded.ts";
import {useProfile, type Profile} from "../data/profile.ts";
import {FlamePane} from "../flame/FlamePane.tsx";
import {CompareBar} from "../panels/CompareBar.tsx";
import {Filters} from "../panels/Filters.tsx";
import {ProcessTree} from "../panels/ProcessTree.tsx";
import {Reasons} from "../panels/Reasons.tsx";
import {Sandwich} from "../panels/Sandwich.tsx";
import {Source} from "../panels/Source.tsx";
import {TopTable} from "../panels/TopTable.tsx";
import {useView, type Store} from "../state/store.ts";
import type {Pane, View} from "../state/view.ts";
import {FlameChart} from "../timeline/FlameChart.tsx";
import {HeatMap} from "../timeline/HeatMap.tsx";
import {Timeline} from "../timeline/Timeline.tsx";
import {Header} from "./Header.tsx";
import {Help} from "./Help.tsx";
import {useKeys} from "./keys.ts";
import {Notices} from "./Notices.tsx";
import type {PaneProps} from "./pane.ts";
import {Tabs} from "./Tabs.tsx";

/** Panes that show the view's profile; the others load what they show themselves. */
const OF_PROFILE: ReadonlySet<Pane> = new Set(["flame", "top", "sandwich", "source"]);
const STATUS_EVERY_MS = 5000;
const PROCESSES_EVERY_MS = 2000;

function PaneOf(props: PaneProps) {
  switch (props.view.pane) {
    case "flame": return <FlamePane {...props} />;
    case "top": return <TopTable {...props} />;
    case "sandwich": return <Sandwich {...props} />;
    case "chart": return <FlameChart {...props} />;
    case "heatmap": return <HeatMap {...props} />;
    case "source": return <Source {...props} />;
    case "processes": return <ProcessTree {...props} />;
  }
}

export interface AppProps {
  store: Store;
  /** The profile of a page that was saved; `null`: there is an agent. */
  saved: Profile | null;
}

export function App({store, saved}: AppProps) {
  const view = useView(store);
  const [help, setHelp] = useState(false);
  useKeys(store, () => setHelp((open) => !open));
  return (
    <>
      {saved ? <SavedPage store={store} view={view} saved={saved} /> : <LivePage store={store} view={view} onHelp={() => setHelp(true)} />}
      {help && <Help onClose={() => setHelp(false)} />}
    </>
  );
}

function SavedPage({store, view, saved}: {store: Store; view: View; saved: Profile}) {
  const profile: Loaded<Profile> = {value: saved, stale: false, error: null};
  const props: PaneProps = {store, view, profile, status: null, processes: null};
  return (
    <>
      <Header store={store} view={view} status={null} saved={saved} onHelp={null} gone={false} />
      <main>
        <Tabs store={store} view={view} panes={["flame", "top", "sandwich"]} />
        <div id="pane" role="tabpanel" aria-labelledby={`tab-${view.pane}`}>
          <PaneOf {...props} />
        </div>
        <Reasons {...props} />
      </main>
    </>
  );
}

function LivePage({store, view, onHelp}: {store: Store; view: View; onHelp: () => void}) {
  const status = useLoaded("status", (signal) => ask("/api/v1/status", {}, signal), STATUS_EVERY_MS);
  const processes = useLoaded("processes", (signal) => ask("/api/v1/processes", {}, signal), PROCESSES_EVERY_MS);
  const retention = status.value?.memory.retention_seconds ?? 0;
  const known = status.value !== null;
  const isOfProfile = OF_PROFILE.has(view.pane);
  const profile = useProfile(view, retention, known && isOfProfile);
  const props: PaneProps = {store, view, profile, status: status.value, processes: processes.value};
  const total = profile.value?.head?.total ?? profile.value?.difference?.right.total;
  const subject = profile.value?.head?.subject ?? "firetower";
  useEffect(() => {
    document.title = subject === "firetower" ? subject : `${subject} – firetower`;
  }, [subject]);
  return (
    <>
      <Header store={store} view={view} status={status.value} saved={null} onHelp={onHelp} gone={status.error !== null} />
      <main>
        <Timeline {...props} />
        <Filters {...props} />
        {view.compare && <CompareBar {...props} />}
        <Tabs store={store} view={view} panes={null} />
        <Notices view={view} status={status} profile={isOfProfile ? profile : null} samples={total?.samples ?? null} />
        <div id="pane" role="tabpanel" aria-labelledby={`tab-${view.pane}`} class={profile.stale && isOfProfile ? "stale" : ""}>
          <PaneOf {...props} />
        </div>
        <Reasons {...props} />
      </main>
    </>
  );
}
