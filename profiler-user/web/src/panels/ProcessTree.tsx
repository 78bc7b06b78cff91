// The processes that the agent knows, parents above children, with what they use now, and why some are not profiled. It
// must not know how they are found.

import {useMemo, useState} from "preact/hooks";
import type {Process} from "../api/schema.ts";
import {PROCESS_SORTS, processRows, Shares, sparkline, type ProcessRow} from "../model/processes.ts";
import type {PaneProps} from "../shell/pane.ts";
import type {Store} from "../state/store.ts";
import {zoomTo} from "../state/view.ts";
import {ShareBar} from "./bars.tsx";
import {toggled, without} from "./filtering.ts";
import {Grid, type Column} from "./Grid.tsx";
import {searched} from "./order.ts";
import {SearchBox} from "./SearchBox.tsx";

// Here, so that it is there again when the pane is.
const shares = new Shares();
const [SPARK_WIDTH, SPARK_HEIGHT] = [56, 16];

export function ProcessTree({store, view, processes}: PaneProps) {
  const list = processes?.processes ?? null;
  if (list) shares.add(list);
  const [collapsed, setCollapsed] = useState<ReadonlySet<number>>(new Set());
  const [pid, setPid] = useState(0);
  const name = view.sort.replace(/^-/, "");
  const sort = PROCESS_SORTS.find((one) => one === name) ?? "cpu";
  const smallestFirst = sort === name && view.sort.startsWith("-");
  const {pattern} = useMemo(() => searched(view.search), [view.search]);
  const rows = useMemo(() => {
    const matches = pattern ? (process: Process) => pattern.test(textOf(process)) : null;
    return processRows(list ?? [], {sort, smallestFirst, collapsed, matches});
  }, [list, sort, smallestFirst, collapsed, pattern]);
  if (!list) return <p class="empty">Loading.</p>;
  const cursor = Math.max(rows.findIndex(({process}) => process.pid === pid), 0);
  const chosen = view.filters.pid ?? [];
  const fold = (row: ProcessRow, closed: boolean) => {
    const next = new Set(collapsed);
    if (closed) next.add(row.process.pid);
    else next.delete(row.process.pid);
    setCollapsed(next);
  };
  const key = (pressed: string, at: number): boolean => {
    const row = rows[at]!;
    if (pressed === "ArrowRight") {
      if (row.below > 0 && !row.expanded) fold(row, false);
      else if (row.expanded) setPid(rows[at + 1]!.process.pid);
    } else if (pressed === "ArrowLeft") {
      if (row.expanded) fold(row, true);
      else if (row.level > 1) setPid(row.process.parent_pid ?? pid);
    } else if (pressed === "f") toFlame(store, row.process);
    else return false;
    return true;
  };
  const profiled = list.filter(({state}) => state === "profiled").length;
  return (
    <section class="process-pane" aria-label="Processes">
      <div class="tools">
        <SearchBox store={store} view={view} what="processes" placeholder="command, service, pid, user"
          said={`${profiled} of ${list.length} processes are profiled`} onLeave={() => document.getElementById("processes")?.focus()} />
        {chosen.length > 0 && (
          <button type="button" onClick={() => store.set({filters: without(view.filters, "pid"), ...zoomTo([])})}>All processes again</button>
        )}
      </div>
      <Grid
        id="processes" tree label="Processes" columns={columns(sort, smallestFirst)} count={rows.length} cursor={cursor}
        row={(at) => {
          const row = rows[at]!;
          return {
            key: String(row.process.pid),
            level: row.level,
            ...(row.below > 0 ? {expanded: row.expanded} : {}),
            selected: chosen.includes(String(row.process.pid)),
            class: row.process.state === "profiled" ? "" : "other",
            cells: cells(row, at === cursor, store, () => fold(row, row.expanded)),
          };
        }}
        onCursor={(at) => setPid(rows[at]!.process.pid)}
        onChoose={(at) => store.set({filters: toggled(view.filters, "pid", String(rows[at]!.process.pid)), ...zoomTo([])})}
        onSort={(column) => {
          const text = column === "command" || column === "pid";
          store.set({sort: `${(column === sort ? !smallestFirst : text) ? "-" : ""}${column}`});
        }}
        onKey={key}
      >
        {list.length === 0 ? "No processes are known yet." : "No process matches."}
      </Grid>
    </section>
  );
}

/** Without the directories of the program: what tells processes apart comes after it. */
function shortCommand(command: string): string {
  const [program = ""] = command.split(" ", 1);
  return program.slice(program.lastIndexOf("/") + 1) + command.slice(program.length);
}

function textOf({pid, command, service, user, container, unit}: Process): string {
  return [pid, command, service, user, container, unit].map((part) => part ?? "").join(" ");
}

function columns(sort: string, smallestFirst: boolean): Column[] {
  const sortable = (id: string) => ({sort: id !== sort ? "none" : smallestFirst ? "ascending" : "descending"} as const);
  return [
    {id: "command", head: "Process", title: "Command", ...sortable("command")},
    {id: "pid", head: "Pid", title: "Process id", class: "number", ...sortable("pid")},
    {id: "cpu", head: "CPU", title: "CPUs used of late: 100 % is one whole CPU", ...sortable("cpu")},
    {id: "spark", head: "", title: "CPU since this page looks", class: "wide"},
    {id: "samples", head: "Samples", title: "Samples in memory", class: "number wide", ...sortable("samples")},
    {id: "threads", head: "Threads", title: "Threads with samples", class: "number wide", ...sortable("threads")},
    {id: "state", head: "State", title: "Whether it is profiled, and why not"},
    {id: "python", head: "Python", title: "Python version", class: "wide"},
    {id: "service", head: "Service", title: "Service", class: "wide"},
    {id: "place", head: "Container or unit", title: "Container or systemd unit", class: "wide"},
    {id: "user", head: "User", title: "User", class: "wide"},
    {id: "actions", head: "", title: "What can be done", class: "wide"},
  ];
}

function cells({process, level, below, expanded}: ProcessRow, isCursor: boolean, store: Store, onFold: () => void) {
  const {pid, command, cpu_share, state, container, unit} = process;
  const why = process.reason_text ?? "";
  const place = container ? container.slice(0, 12) : unit ?? "";
  return [
    <span class="command" style={{paddingLeft: `${(level - 1) * 14}px`}} title={command}>
      {below > 0
        ? <span class="fold" aria-hidden="true" onClick={(event) => {
            event.stopPropagation();
            onFold();
          }}>{expanded ? "▾" : "▸"}</span>
        : <span class="fold" />}
      {shortCommand(command)}{below > 0 && !expanded && <span class="idle"> + {below}</span>}
    </span>,
    pid,
    <ShareBar share={cpu_share} text={`${(100 * cpu_share).toFixed(1)} %`} />,
    <Spark pid={pid} />,
    process.samples.toLocaleString("en"),
    process.threads,
    <span class={state === "profiled" ? "good" : ""} title={why}>{state}{why !== "" && `: ${why}`}</span>,
    process.python_version ?? "",
    process.service ?? "",
    <span title={container ?? unit ?? ""}>{place}</span>,
    process.user ?? "",
    <button type="button" tabIndex={isCursor ? 0 : -1} title="Flame graph of this process (f)" aria-label={`Flame graph of process ${pid}`}
      onClick={(event) => {
        event.stopPropagation();
        toFlame(store, process);
      }}>flame</button>,
  ];
}

function Spark({pid}: {pid: number}) {
  return (
    <svg class="spark" width={SPARK_WIDTH} height={SPARK_HEIGHT} viewBox={`0 -1 ${SPARK_WIDTH} ${SPARK_HEIGHT + 2}`} aria-hidden="true">
      <polyline points={sparkline(shares.of(pid), SPARK_WIDTH, SPARK_HEIGHT)} />
    </svg>
  );
}

function toFlame(store: Store, {pid}: Process): void {
  store.set({filters: {pid: [String(pid)]}, ...zoomTo([]), pane: "flame"});
}
