// The tabs of the panes, as screen readers know tabs: one is in the order of the Tab key, arrows go on from it.

import type {Store} from "../state/store.ts";
import {PANES, type Pane, type View} from "../state/view.ts";

const NAMES: Record<Pane, string> = {
  flame: "Flame graph",
  top: "Top",
  sandwich: "Sandwich",
  chart: "Flame chart",
  heatmap: "Heat map",
  source: "Source",
  processes: "Processes",
};

export interface TabsProps {
  store: Store;
  view: View;
  /** Those that there are; `null`: all. */
  panes: readonly Pane[] | null;
}

export function Tabs({store, view, panes}: TabsProps) {
  const shown = panes ?? PANES;
  const go = (event: KeyboardEvent) => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    const edge = {Home: 0, End: shown.length - 1}[event.key];
    if (step === undefined && edge === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const at = edge ?? (shown.indexOf(view.pane) + (step ?? 0) + shown.length) % shown.length;
    store.set({pane: shown[at]!});
    document.getElementById(`tab-${shown[at]!}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Panes" onKeyDown={go}>
      {shown.map((pane) => (
        <button
          key={pane}
          id={`tab-${pane}`}
          type="button"
          role="tab"
          aria-selected={pane === view.pane}
          aria-controls="pane"
          tabIndex={pane === view.pane ? 0 : -1}
          onClick={() => store.set({pane})}
        >
          {NAMES[pane]}
        </button>
      ))}
    </div>
  );
}
