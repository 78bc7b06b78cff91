// What the view is of: chips of labels and values, and how to add some. In a comparison one row for each side. It must
// not know how a selection is written.

import {useEffect, useRef, useState} from "preact/hooks";
import type {Processes} from "../api/schema.ts";
import type {PaneProps} from "../shell/pane.ts";
import type {Store} from "../state/store.ts";
import type {View} from "../state/view.ts";
import {LabelChooser, ValueChooser} from "./choosers.tsx";
import {filtersOf, toggled, withFilters, without, type SideName} from "./filtering.ts";

export function Filters({store, view, processes}: PaneProps) {
  const sides: readonly SideName[] = view.compare ? ["before", "after"] : ["after"];
  return (
    <section class="filters" aria-label="Selection">
      {sides.map((side) => <Side key={side} store={store} view={view} side={side} processes={processes} />)}
    </section>
  );
}

interface SideProps {
  store: Store;
  view: View;
  side: SideName;
  processes: Processes | null;
}

/** What is being added: a label is chosen first, then its values; `null`: nothing. */
type Adding = {label: string | null} | null;

function Side({store, view, side, processes}: SideProps) {
  const [adding, setAdding] = useState<Adding>(null);
  const add = useRef<HTMLButtonElement>(null);
  /** Whether the focus goes back to the button. */
  const back = useRef(false);
  const filters = filtersOf(view, side);
  const names = Object.keys(filters);
  const set = (next: typeof filters | null) => store.set(withFilters(view, side, next));
  const title = view.compare ? (side === "before" ? "Before" : "After") : "Filters";
  const asAfter = side === "before" && view.compare?.filters === null;
  // Only what is still open is closed: the one that follows may have opened meanwhile.
  const close = (was: Adding) => (how: "escape" | "blur") => {
    setAdding((now) => (now === was ? null : now));
    // The input that goes loses the focus too, and says so.
    if (how === "escape") back.current = true;
  };
  useEffect(() => {
    if (adding === null && back.current) add.current?.focus();
    back.current = false;
  }, [adding]);
  const range = side === "before" ? view.compare?.range ?? view.range : view.range;
  return (
    <div class={`filter-side ${side}`} role="group" aria-label={view.compare ? `Filters, ${side}` : "Filters"}>
      <span class="title">{title}</span>
      {names.length === 0 && !adding && <span class="idle">everything</span>}
      {names.map((name) => (
        <span key={name} class="chip">
          <button type="button" class="edit" title={`Other values of ${name}`} onClick={() => setAdding({label: name})}>{name} =</button>
          {filters[name]!.map((value, at) => (
            <span key={value} class="value">
              {at > 0 && <span class="or"> or </span>}
              <span class="text" title={value}>{value === "" ? "(none)" : value}</span>
              <button type="button" class="remove" aria-label={`Remove ${name}=${value}`} title="Remove"
                onClick={() => set(toggled(filters, name, value))}>×</button>
            </span>
          ))}
        </span>
      ))}
      {adding === null
        ? <button ref={add} type="button" class="add" onClick={() => setAdding({label: null})}>+ filter</button>
        : adding.label === null
          ? <LabelChooser onChoose={(label) => setAdding({label})} onClose={close(adding)} />
          : <ValueChooser key={adding.label} label={adding.label} range={range} filters={without(filters, adding.label)}
              chosen={filters[adding.label] ?? []} processes={processes}
              onToggle={(value) => set(toggled(filters, adding.label!, value))} onClose={close(adding)} />}
      {names.length > 1 && <button type="button" class="plain" onClick={() => set({})}>clear</button>}
      {view.compare && side === "before" && (asAfter
        ? <span class="idle">as after</span>
        : <button type="button" class="plain" onClick={() => set(null)}>as after</button>)}
    </div>
  );
}
