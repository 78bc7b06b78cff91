// Functions of a tree: which frames are of the same, and what each uses. It must not know how they are listed.

import type {Frame, Tree, Weights} from "./tree.ts";

/** The same for all lines of a function: name and file. Labels (a process, a thread) are by their text. */
export function functionKey(frame: Frame): string {
  return frame.file === "" ? frame.text : `${frame.name} (${frame.file})`;
}

/** What groups of frames use. A group that is on a stack several times counts once. */
export interface Use extends Weights {
  /** What they used before, in a difference. */
  before: Weights | null;
}

/** Frames in groups. */
export interface Groups {
  /** The group of each frame; -1: none. */
  of: Int32Array;
  /** Each group's name. */
  keys: string[];
  /** One frame of each group: the first. */
  frames: Frame[];
}

export interface Functions extends Groups, Use {}

/** Frames with the same key are of one group; those whose key is `null` of none. */
export function grouped(frames: readonly Frame[], keyOf: (frame: Frame) => string | null): Groups {
  const known = new Map<string, number>();
  const groups: Groups = {of: new Int32Array(frames.length).fill(-1), keys: [], frames: []};
  frames.forEach((frame, index) => {
    const key = keyOf(frame);
    if (key === null) return;
    let group = known.get(key);
    if (group === undefined) {
      group = groups.keys.length;
      known.set(key, group);
      groups.keys.push(key);
      groups.frames.push(frame);
    }
    groups.of[index] = group;
  });
  return groups;
}

/** What each of so many groups uses. */
export function useOf(tree: Tree, groupOf: Int32Array, count: number): Use {
  const weights = (): Weights => ({self: new Float64Array(count), total: new Float64Array(count)});
  const use: Use = {...weights(), before: tree.before ? weights() : null};
  // Up to which node a group's outermost occurrence reaches: what is in there is in its total already.
  const reaches = new Int32Array(count);
  for (let node = 1; node < tree.frame.length; node++) {
    const group = groupOf[tree.frame[node]!] ?? -1;
    if (group < 0) continue;
    const outermost = node >= reaches[group]!;
    if (outermost) reaches[group] = tree.end[node]!;
    add(use, tree, group, node, outermost);
    if (use.before && tree.before) add(use.before, tree.before, group, node, outermost);
  }
  return use;
}

function add(to: Weights, from: Weights, group: number, node: number, outermost: boolean): void {
  to.self[group]! += from.self[node]!;
  if (outermost) to.total[group]! += from.total[node]!;
}

/** Self and total of every function, in the order of their first frames. Processes and threads are none. */
export function functionsOf(tree: Tree): Functions {
  const groups = grouped(tree.frames, (frame) => (frame.origin === "label" ? null : functionKey(frame)));
  return {...groups, ...useOf(tree, groups.of, groups.keys.length)};
}

/** Whether a frame is no function, but says why there is none. */
export function isReason(frame: Frame): boolean {
  return frame.kind === "unknown" || frame.kind === "truncated" || frame.kind === "pruned";
}

/** What to call a frame: a reason has no name. */
export function nameOf(frame: Frame): string {
  return frame.name === "" ? frame.text : isReason(frame) ? `[${frame.name}]` : frame.name;
}
