// Steps of a person that buttons and keys have in common. It must not know either.

import {INITIAL, reachesNow, type View} from "../state/view.ts";

/** Live on or off; what does not reach to the present begins with the last minute. */
export function toggleLive(view: View): Partial<View> {
  if (view.live) return {live: false};
  const stopped = view.compare ? toggleCompare(view) : {};
  return {...stopped, live: true, window: null, ...(reachesNow(view.range) ? {} : {range: {from: "now-1m", until: "now"}})};
}

/** Comparison on, with the same before as after until somebody chooses, in the colours of a difference; or off. */
export function toggleCompare(view: View): Partial<View> {
  if (view.compare) return {compare: null, live: false, colour: view.colour === "difference" ? INITIAL.colour : view.colour};
  return {compare: {range: null, filters: null, normalise: true}, live: false, colour: "difference"};
}
