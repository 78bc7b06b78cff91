// Filters as they are changed by hand, in pure functions. It must not know the page.

import {zoomTo, type Filters, type View} from "../state/view.ts";

/** With a value more, or with it no more. */
export function toggled(filters: Filters, label: string, value: string): Filters {
  const values = filters[label] ?? [];
  const next = values.includes(value) ? values.filter((one) => one !== value) : [...values, value];
  return next.length > 0 ? {...filters, [label]: next} : without(filters, label);
}

export function without(filters: Filters, label: string): Filters {
  return Object.fromEntries(Object.entries(filters).filter(([name]) => name !== label));
}

/** Which side of a comparison filters are of; without one there is only `after`. */
export type SideName = "before" | "after";

export function filtersOf(view: View, side: SideName): Filters {
  return side === "before" ? view.compare?.filters ?? view.filters : view.filters;
}

/** The view with other filters on one side. What is zoomed to was of what was selected before. */
export function withFilters(view: View, side: SideName, filters: Filters | null): Partial<View> {
  if (side === "after") return {filters: filters ?? {}, ...zoomTo([])};
  return {compare: {range: null, normalise: true, ...view.compare, filters}, live: false, ...zoomTo([])};
}
