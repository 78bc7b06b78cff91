// What the lines of a file use, from a tree that is merged by line. It must not know the file's text.

import {functionKey, grouped, useOf, type Use} from "./functions.ts";
import type {Frame, Tree} from "./tree.ts";

/** Lines of a file that were seen on stacks. */
export interface Lines {
  /** What each line uses, by its number: 0 is what is known of the file but not of its lines. */
  of: Map<number, Amounts>;
  /** Functions of the file in the order of their first lines. */
  functions: (Amounts & {key: string; name: string; firstLine: number})[];
  /** The line with the most of its own; 0: none. */
  hottest: number;
  /** The largest line number seen. */
  last: number;
}

export interface Amounts {
  self: number;
  total: number;
  /** In a difference; else 0. */
  selfBefore: number;
  totalBefore: number;
}

export interface FileUse extends Amounts {
  file: string;
  module: string;
}

function amounts(use: Use, at: number): Amounts {
  return {
    self: use.self[at]!,
    total: use.total[at]!,
    selfBefore: use.before?.self[at] ?? 0,
    totalBefore: use.before?.total[at] ?? 0,
  };
}

/** What the lines of a file use; each counts once in a stack, as does each function. */
export function linesOf(tree: Tree, file: string): Lines {
  const own = (key: (frame: Frame) => string) => {
    const groups = grouped(tree.frames, (frame) => (frame.file === file ? key(frame) : null));
    return {groups, use: useOf(tree, groups.of, groups.keys.length)};
  };
  const lines: Lines = {of: new Map(), functions: [], hottest: 0, last: 0};
  const byLine = own((frame) => String(frame.line));
  let most = 0;
  byLine.groups.frames.forEach(({line}, at) => {
    const used = amounts(byLine.use, at);
    lines.of.set(line, used);
    lines.last = Math.max(lines.last, line);
    const heat = Math.max(used.self, used.selfBefore);
    if (line > 0 && heat > most) [most, lines.hottest] = [heat, line];
  });
  // Two of the same name are two: methods of classes, and lambdas.
  const byFunction = own((frame) => `${functionKey(frame)}:${frame.firstLine}`);
  byFunction.groups.frames.forEach((frame, at) => {
    lines.functions.push({key: functionKey(frame), name: frame.name, firstLine: frame.firstLine, ...amounts(byFunction.use, at)});
  });
  lines.functions.sort((a, b) => a.firstLine - b.firstLine || (a.name < b.name ? -1 : 1));
  return lines;
}

/** All files with a name that a tree has, those that use most first. */
export function filesOf(tree: Tree): FileUse[] {
  const groups = grouped(tree.frames, (frame) => (frame.file === "" ? null : frame.file));
  const use = useOf(tree, groups.of, groups.keys.length);
  const files = groups.frames.map(({file, module}, at) => ({file, module, ...amounts(use, at)}));
  const size = (one: Amounts) => Math.max(one.self, one.selfBefore);
  return files.sort((a, b) => size(b) - size(a) || b.total - a.total || (a.file < b.file ? -1 : 1));
}

/** Processes that a file was seen in, from a tree with frames for processes: those with most samples of it first. */
export function processesOf(tree: Tree, file: string): {pid: number; total: number}[] {
  const totals = new Map<number, number>();
  let pid = 0;
  let outside = 0;
  for (let node = 1; node < tree.frame.length; node++) {
    const frame = tree.frames[tree.frame[node]!]!;
    if (frame.kind === "process") pid = Number(/^process (\d+)/.exec(frame.text)?.[1] ?? 0);
    if (frame.file !== file || node < outside) continue;
    outside = tree.end[node]!;
    const weight = Math.max(tree.total[node]!, tree.before?.total[node] ?? 0);
    if (pid > 0) totals.set(pid, (totals.get(pid) ?? 0) + weight);
  }
  return [...totals].map(([pid, total]) => ({pid, total})).sort((a, b) => b.total - a.total || a.pid - b.pid);
}

/** The line with something of its own, or through it, that comes after (or, with -1, before) a line; 0: there is none. */
export function nextLine(lines: Lines, from: number, step: 1 | -1): number {
  const numbers = [...lines.of.keys()].filter((line) => line > 0).sort((a, b) => step * (a - b));
  return numbers.find((line) => step * (line - from) > 0) ?? 0;
}
