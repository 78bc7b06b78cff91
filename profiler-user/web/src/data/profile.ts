// The profile that the panes show: live, of a range, compared, or out of the file that the page is. It must not know how
// it is shown.

import {useEffect, useRef, useState} from "preact/hooks";
import {address, ask, type Parameters} from "../api/client.ts";
import {follow} from "../api/live.ts";
import type * as schema from "../api/schema.ts";
import {secondsBack} from "./time.ts";
import {treeOfDifference, treeOfProfile} from "../model/wire.ts";
import type {Tree} from "../model/tree.ts";
import {selector, type Range, type View} from "../state/view.ts";
import {NOTHING, useLoaded, type Loaded} from "./loaded.ts";

export interface Profile {
  tree: Tree;
  /** What it is of; of a comparison the side after. */
  head: schema.Head | null;
  difference: schema.Difference | null;
}

const MOST_NODES = 100_000;

export function ofProfile(profile: schema.ProfileTree): Profile {
  return {tree: treeOfProfile(profile), head: profile, difference: null};
}

export function ofDifference(difference: schema.Difference): Profile {
  return {tree: treeOfDifference(difference), head: null, difference};
}

/** Range, selection and shape, as the routes that answer one profile take them. */
export function parameters(view: View): Parameters {
  return {
    ...view.range,
    query: selector(view.filters),
    lines: view.lines,
    threads: view.threads,
    processes: view.processes,
    max_nodes: MOST_NODES,
    least_share: 0,
  };
}

/** As the comparison's route takes them. */
export function bothSides(view: View): Parameters {
  const before: Range = view.compare?.range ?? view.range;
  return {
    left_from: before.from,
    left_until: before.until,
    left_query: selector(view.compare?.filters ?? view.filters),
    right_from: view.range.from,
    right_until: view.range.until,
    right_query: selector(view.filters),
    lines: view.lines,
    threads: view.threads,
    normalise: view.compare?.normalise ?? false,
    max_nodes: MOST_NODES,
    limit: 1000,
  };
}

/** Seconds between two pictures of a range that is followed. Short ones are for who waits for something to show, within a
 *  second; of a long one a second changes little, and it takes the agent longer. */
export function interval(seconds: number): number {
  return seconds <= 60 ? 0.25 : seconds <= 300 ? 0.5 : 1;
}

/** Whether a range can be followed live: from memory only, so not longer than that is. */
export function followable(view: View, retention: number): boolean {
  const seconds = secondsBack(view.range);
  return view.live && !view.compare && seconds !== null && seconds <= retention;
}

/** The profile of a view. `retention`: seconds that memory has; longer ranges are loaded again every now and then. */
export function useProfile(view: View, retention: number, wanted: boolean): Loaded<Profile> {
  const live = wanted && followable(view, retention);
  const followed = useFollowed(live ? view : null);
  const url = view.compare ? address("/api/v1/diff", bothSides(view)) : address("/api/v1/profile", parameters(view));
  const every = view.live && !view.compare ? 15_000 : 0;
  const loaded = useLoaded(wanted && !live ? url : null, async (signal) =>
    view.compare
      ? ofDifference(await ask("/api/v1/diff", bothSides(view), signal))
      : ofProfile(await ask("/api/v1/profile", parameters(view), signal)), every);
  const now = live ? followed : loaded;
  // From one to the other what was seen stays until there is something new, unless it is of another kind.
  const last = useRef<Profile | null>(null);
  if (now.value) last.current = now.value;
  const fits = wanted && last.current !== null && (last.current.difference !== null) === (view.compare !== null);
  return now.value || !fits ? now : {...now, value: last.current, stale: true};
}

function useFollowed(view: View | null): Loaded<Profile> {
  const [loaded, setLoaded] = useState<Loaded<Profile>>(NOTHING);
  const {from: _from, until: _until, ...rest} = view ? parameters(view) : {};
  const seconds = (view && secondsBack(view.range)) ?? 0;
  const key = view ? JSON.stringify({...rest, seconds, interval: interval(seconds)}) : null;
  useEffect(() => {
    if (key === null) {
      setLoaded(NOTHING);
      return;
    }
    setLoaded((before) => ({...before, stale: true, error: null}));
    return follow(JSON.parse(key) as Parameters, {
      profile: (profile) => setLoaded({value: ofProfile(profile), stale: false, error: null}),
      trouble: (error) => setLoaded((before) => ({...before, error})),
    });
  }, [key]);
  return loaded;
}
