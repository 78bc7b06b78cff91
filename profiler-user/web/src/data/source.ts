// What the source view shows: a profile by line, and a file's text. It must not know how it is shown.

import {address, ask, askAt} from "../api/client.ts";
import {treeOfDifference, treeOfProfile} from "../model/wire.ts";
import type {Tree} from "../model/tree.ts";
import type {View} from "../state/view.ts";
import {useLoaded, type Loaded} from "./loaded.ts";
import {bothSides, parameters} from "./profile.ts";

export interface SourceText {
  pid: number;
  file: string;
  text: string;
  modified_unix_seconds: number;
}

export interface ByLine {
  /** Of the view's range; in a comparison of both sides. */
  tree: Tree;
  /** Of the range, with frames for processes. */
  processes: Tree;
}

const AGAIN_MS = 5000;

/** The view's profile by line. Of what is live, again every few seconds: lines are read, not watched. */
export function useByLine(view: View): Loaded<ByLine> {
  const one = {...parameters(view), lines: true, processes: true};
  const both = {...bothSides(view), lines: true};
  const key = address("/api/v1/profile", one) + (view.compare ? address("/api/v1/diff", both) : "");
  return useLoaded(key, async (signal) => {
    const [profile, difference] = await Promise.all([
      ask("/api/v1/profile", one, signal),
      view.compare ? ask("/api/v1/diff", both, signal) : null,
    ]);
    const processes = treeOfProfile(profile);
    return {tree: difference ? treeOfDifference(difference) : processes, processes};
  }, view.live && !view.compare ? AGAIN_MS : 0);
}

/** A file as a process sees it; nothing is asked without a process. */
export function useText(pid: number, file: string): Loaded<SourceText> {
  const url = address("/api/v1/source", {pid, file});
  return useLoaded(pid > 0 && file !== "" ? url : null, (signal) => askAt<SourceText>(url, signal));
}
