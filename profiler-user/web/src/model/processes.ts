// Processes as a tree: parents above their children, those whose trees use most first, and what each used of late. It must
// not know how they are shown.

import type {Process} from "../api/schema.ts";

export interface ProcessRow {
  process: Process;
  /** 1 is the uppermost. */
  level: number;
  /** How many are below it, those of them too that are not shown. */
  below: number;
  expanded: boolean;
  /** CPU share of it and of all below it. */
  share: number;
}

/** What siblings are sorted by: `cpu`, with what is below; else a column. */
export const PROCESS_SORTS = ["cpu", "samples", "threads", "pid", "command"] as const;
export type ProcessSort = (typeof PROCESS_SORTS)[number];

export interface Shown {
  sort: ProcessSort;
  smallestFirst: boolean;
  /** Processes whose children are not shown. */
  collapsed: ReadonlySet<number>;
  /** Which are shown, with those above them; `null`: all. */
  matches: ((process: Process) => boolean) | null;
}

/** The rows from the top on. Whose parent is not listed is at the top. */
export function processRows(processes: readonly Process[], shown: Shown): ProcessRow[] {
  const byPid = new Map(processes.map((process) => [process.pid, process]));
  const children = new Map<number, Process[]>();
  const tops: Process[] = [];
  for (const process of processes) {
    const parent = process.parent_pid ?? null;
    // Ids are used again: whoever is its own ancestor is at the top rather than nowhere.
    const list = parent !== null && byPid.has(parent) && !isAbove(process.pid, parent, byPid) ? children.get(parent) ?? [] : tops;
    list.push(process);
    if (list !== tops) children.set(parent!, list);
  }
  const sums = new Map<number, {share: number; below: number; kept: boolean}>();
  // Children before their parents.
  const order: Process[] = [];
  const queue = [...tops];
  for (let next = queue.pop(); next; next = queue.pop()) {
    order.push(next);
    queue.push(...(children.get(next.pid) ?? []));
  }
  for (const process of order.reverse()) {
    const sum = {share: process.cpu_share, below: 0, kept: shown.matches?.(process) ?? true};
    for (const child of children.get(process.pid) ?? []) {
      const of = sums.get(child.pid)!;
      sum.share += of.share;
      if (of.kept) sum.below += 1 + of.below;
      sum.kept ||= of.kept;
    }
    sums.set(process.pid, sum);
  }
  const rows: ProcessRow[] = [];
  const sorted = (list: Process[]) => list.filter(({pid}) => sums.get(pid)!.kept).sort(comparison(shown, (process) => sums.get(process.pid)!.share));
  const stack: [Process, number][] = sorted(tops).reverse().map((process) => [process, 1]);
  for (let next = stack.pop(); next; next = stack.pop()) {
    const [process, level] = next;
    const {share, below} = sums.get(process.pid)!;
    const expanded = below > 0 && !shown.collapsed.has(process.pid);
    rows.push({process, level, below, expanded, share});
    if (expanded) stack.push(...sorted(children.get(process.pid)!).reverse().map((child): [Process, number] => [child, level + 1]));
  }
  return rows;
}

function isAbove(pid: number, of: number, byPid: ReadonlyMap<number, Process>): boolean {
  const seen = new Set<number>();
  for (let at: number | null | undefined = of; at !== null && at !== undefined && !seen.has(at); at = byPid.get(at)?.parent_pid) {
    if (at === pid) return true;
    seen.add(at);
  }
  return false;
}

function comparison({sort, smallestFirst}: Shown, share: (process: Process) => number): (a: Process, b: Process) => number {
  const direction = smallestFirst ? 1 : -1;
  const number = (process: Process): number => {
    switch (sort) {
      case "samples": return process.samples;
      case "threads": return process.threads;
      case "pid": return process.pid;
      default: return share(process);
    }
  };
  if (sort === "command") return (a, b) => direction * (a.command < b.command ? -1 : a.command > b.command ? 1 : a.pid - b.pid);
  return (a, b) => direction * (number(a) - number(b)) || a.pid - b.pid;
}

/** How many answers are remembered. */
const REMEMBERED = 40;

/** CPU shares of processes, from one answer to the next. */
export class Shares {
  readonly #of = new Map<number, number[]>();
  #last: readonly Process[] | null = null;

  /** Remembers an answer; the same one again counts once. */
  add(processes: readonly Process[]): void {
    if (processes === this.#last) return;
    this.#last = processes;
    const there = new Set(processes.map(({pid}) => pid));
    for (const pid of this.#of.keys()) if (!there.has(pid)) this.#of.delete(pid);
    for (const {pid, cpu_share} of processes) {
      const list = this.#of.get(pid) ?? [];
      list.push(cpu_share);
      if (list.length > REMEMBERED) list.shift();
      this.#of.set(pid, list);
    }
  }

  /** From the oldest to the latest. */
  of(pid: number): readonly number[] {
    return this.#of.get(pid) ?? [];
  }
}

/** Points of a line in a box of `width` by `height`, the latest at the right; 1 or more is a whole CPU. */
export function sparkline(values: readonly number[], width: number, height: number): string {
  const most = Math.max(1, ...values);
  const step = width / (REMEMBERED - 1);
  return values
    .map((value, at) => `${(width - (values.length - 1 - at) * step).toFixed(1)},${(height - (value / most) * height).toFixed(1)}`)
    .join(" ");
}
