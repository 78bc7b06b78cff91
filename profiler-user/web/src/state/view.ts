// What is seen, all of it, and its form in the address: whoever opens the same address sees the same. It must not know
// the page.

/** Panes below the timeline. */
export const PANES = ["flame", "top", "sandwich", "chart", "heatmap", "source", "processes"] as const;
export type Pane = (typeof PANES)[number];

/** Kinds of frames that can be hidden. */
export const HIDEABLE = ["library", "package", "kernel", "unknown", "label"] as const;
export type Hideable = (typeof HIDEABLE)[number];

export const COLOURS = ["origin", "module", "name", "difference"] as const;
export type Colour = (typeof COLOURS)[number];

/** A range of time as the API takes it: `now-15m`, `now`, or Unix seconds. */
export interface Range {
  from: string;
  until: string;
}

/** Whether it ends now, and is so long: only that can follow the present. */
export function reachesNow({from, until}: Range): boolean {
  return until === "now" && from.startsWith("now-");
}

/** Matchers by label: `service` → `checkout`; several values of a label are alternatives. */
export type Filters = Readonly<Record<string, readonly string[]>>;

/** The other side of a comparison: before. What is not there is as in the view itself. */
export interface Compare {
  range: Range | null;
  filters: Filters | null;
  normalise: boolean;
}

/** A part of what is zoomed to, in shares of its width. */
export interface Part {
  from: number;
  to: number;
}

export interface View {
  /** What the panes show. With `live` it follows the present, and `range` says how long it is. */
  range: Range;
  live: boolean;
  /** What the timeline shows; `null`: what suits `range`. */
  window: Range | null;
  /** By which label the timeline is apart. */
  by: string;
  filters: Filters;
  compare: Compare | null;
  pane: Pane;
  /** Merge by line rather than by function. */
  lines: boolean;
  /** Frames for threads, and for processes. */
  threads: boolean;
  processes: boolean;
  /** Whether the timeline is there, rather than folded. */
  timeline: boolean;
  /** Texts of the frames from the root to the node that is zoomed to. */
  zoom: readonly string[];
  /** The part of that node which is looked at closer; `null`: all of it. See [`zoomTo`]. */
  near: Part | null;
  search: string;
  /** The function that sandwich and highlight are about, as its frame's text without the line; empty: none. */
  chosen: string;
  /** What the halves of the sandwich are zoomed to: the function that they are about, and then as `zoom`. With another
   *  function chosen they mean nothing. */
  callers: readonly string[];
  callees: readonly string[];
  /** Only stacks with this function, as in `chosen`; empty: all. */
  only: string;
  /** Root at the top. */
  icicle: boolean;
  colour: Colour;
  hide: readonly Hideable[];
  /** Collapse recursion. */
  collapse: boolean;
  /** Seconds that are marked in the heat map. */
  marked: Range | null;
  /** The file of the source view, and whose root it is read from; empty and 0: none. */
  file: string;
  filePid: number;
  /** Column that the table is sorted by; with `-`: the smallest first. */
  sort: string;
}

export const INITIAL: View = {
  range: {from: "now-1m", until: "now"},
  live: true,
  window: null,
  by: "service",
  filters: {},
  compare: null,
  pane: "flame",
  lines: false,
  threads: false,
  processes: false,
  timeline: true,
  zoom: [],
  near: null,
  search: "",
  chosen: "",
  callers: [],
  callees: [],
  only: "",
  icicle: true,
  colour: "origin",
  hide: [],
  collapse: false,
  marked: null,
  file: "",
  filePid: 0,
  sort: "self",
};

/** Zoomed to another node, and all of it. */
export function zoomTo(zoom: readonly string[]): Partial<View> {
  return {zoom, near: null};
}

// Prefixes of labels in the address: l.service=checkout, and b.service=… for the other side.
const FILTER = "l.";
const FILTER_BEFORE = "b.";

function rangeOf(from: string | null, until: string | null): Range | null {
  return from !== null && from !== "" ? {from, until: until || "now"} : null;
}

function filtersOf(query: URLSearchParams, prefix: string): Filters {
  const filters: Record<string, string[]> = {};
  for (const [name, value] of query) {
    if (name.startsWith(prefix) && name.length > prefix.length) (filters[name.slice(prefix.length)] ??= []).push(value);
  }
  return filters;
}

/** `0.25_0.5`. */
function partOf(text: string | null): Part | null {
  const [from = NaN, to = NaN, ...more] = (text ?? "").split("_").map(Number);
  return more.length === 0 && Number.isFinite(to - from) && from < to ? {from, to} : null;
}

/** What is zoomed to of the chosen function; of another one it means nothing. */
const halfOf = (path: readonly string[], chosen: string) => (path.length > 1 && path[0] === chosen ? path : []);

function oneOf<T extends string>(value: string | null, known: readonly T[], otherwise: T): T {
  return known.find((one) => one === value) ?? otherwise;
}

/** The view of an address's query. What it does not say, or says wrongly, is as at first. */
export function parse(text: string): View {
  const query = new URLSearchParams(text);
  const flag = (name: string, otherwise: boolean) => (query.has(name) ? query.get(name) === "1" : otherwise);
  const range = rangeOf(query.get("from"), query.get("until")) ?? INITIAL.range;
  const compared = query.get("compare") === "1";
  const before = filtersOf(query, FILTER_BEFORE);
  const chosen = query.get("chosen") ?? "";
  return {
    range,
    live: flag("live", INITIAL.live) && reachesNow(range) && !compared,
    window: rangeOf(query.get("wfrom"), query.get("wuntil")),
    by: query.get("by") || INITIAL.by,
    filters: filtersOf(query, FILTER),
    compare: compared
      ? {
          range: rangeOf(query.get("bfrom"), query.get("buntil")),
          filters: Object.keys(before).length > 0 || query.get("ball") === "1" ? before : null,
          normalise: flag("normalise", true),
        }
      : null,
    pane: oneOf(query.get("pane"), PANES, INITIAL.pane),
    lines: flag("lines", INITIAL.lines),
    threads: flag("threads", INITIAL.threads),
    processes: flag("processes", INITIAL.processes),
    timeline: flag("timeline", INITIAL.timeline),
    zoom: query.getAll("z"),
    near: partOf(query.get("near")),
    search: query.get("search") ?? "",
    chosen,
    callers: halfOf([chosen, ...query.getAll("up")], chosen),
    callees: halfOf([chosen, ...query.getAll("down")], chosen),
    only: query.get("only") ?? "",
    icicle: flag("icicle", INITIAL.icicle),
    colour: oneOf(query.get("colour"), COLOURS, compared ? "difference" : INITIAL.colour),
    hide: HIDEABLE.filter((kind) => query.getAll("hide").includes(kind)),
    collapse: flag("collapse", INITIAL.collapse),
    marked: rangeOf(query.get("mfrom"), query.get("muntil")),
    file: query.get("file") ?? "",
    filePid: Math.max(Number.parseInt(query.get("filepid") ?? "", 10) || 0, 0),
    sort: query.get("sort") || INITIAL.sort,
  };
}

/** The query of a view: only what is not as at first. `parse(format(view))` is the view. */
export function format(view: View): string {
  const query = new URLSearchParams();
  const text = (name: string, value: string, otherwise: string) => {
    if (value !== otherwise) query.set(name, value);
  };
  const flag = (name: string, value: boolean, otherwise: boolean) => {
    if (value !== otherwise) query.set(name, value ? "1" : "0");
  };
  const range = (prefix: string, value: Range | null, otherwise: Range | null) => {
    if (value === null || (value.from === otherwise?.from && value.until === otherwise?.until)) return;
    query.set(`${prefix}from`, value.from);
    if (value.until !== "now") query.set(`${prefix}until`, value.until);
  };
  const filters = (prefix: string, values: Filters) => {
    for (const [name, list] of Object.entries(values)) for (const value of list) query.append(prefix + name, value);
  };
  const {compare} = view;
  range("", view.range, INITIAL.range);
  if (reachesNow(view.range) && !compare) flag("live", view.live, INITIAL.live);
  range("w", view.window, null);
  text("by", view.by, INITIAL.by);
  filters(FILTER, view.filters);
  if (compare) {
    query.set("compare", "1");
    range("b", compare.range, null);
    if (compare.filters) filters(FILTER_BEFORE, compare.filters);
    // Everything, which is not the same as what the view itself selects.
    if (compare.filters && Object.keys(compare.filters).length === 0) query.set("ball", "1");
    flag("normalise", compare.normalise, true);
  }
  text("pane", view.pane, INITIAL.pane);
  flag("lines", view.lines, INITIAL.lines);
  flag("threads", view.threads, INITIAL.threads);
  flag("processes", view.processes, INITIAL.processes);
  flag("timeline", view.timeline, INITIAL.timeline);
  for (const part of view.zoom) query.append("z", part);
  if (view.near) query.set("near", `${view.near.from}_${view.near.to}`);
  text("search", view.search, "");
  text("chosen", view.chosen, "");
  for (const part of halfOf(view.callers, view.chosen).slice(1)) query.append("up", part);
  for (const part of halfOf(view.callees, view.chosen).slice(1)) query.append("down", part);
  text("only", view.only, "");
  flag("icicle", view.icicle, INITIAL.icicle);
  text("colour", view.colour, compare ? "difference" : INITIAL.colour);
  for (const kind of view.hide) query.append("hide", kind);
  flag("collapse", view.collapse, INITIAL.collapse);
  range("m", view.marked, null);
  text("file", view.file, "");
  if (view.filePid !== 0) query.set("filepid", String(view.filePid));
  text("sort", view.sort, INITIAL.sort);
  return query.toString();
}

const escape = (value: string) => value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
const escapePattern = (value: string) => value.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/** The selector that the API takes; empty: all. */
export function selector(filters: Filters): string {
  const matchers = Object.entries(filters)
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) =>
      values.length === 1
        ? `${name}="${escape(values[0]!)}"`
        : `${name}=~"${escape(values.map(escapePattern).join("|"))}"`);
  return matchers.length > 0 ? `{${matchers.join(",")}}` : "";
}
