// From the API's answers to trees. It must not know who asks, nor what becomes of them.

import type * as schema from "../api/schema.ts";
import {build, type Frame, type Tree} from "./tree.ts";

export function frameOfWire(frame: schema.Frame): Frame {
  return {
    text: frame.text,
    name: frame.name,
    kind: frame.kind,
    origin: frame.origin,
    file: frame.file ?? "",
    line: frame.line ?? 0,
    firstLine: frame.first_line ?? 0,
    module: frame.module ?? "",
  };
}

export function treeOfProfile(profile: schema.ProfileTree): Tree {
  const {samples, cpu_seconds} = profile.total;
  return build({
    frames: profile.frames.map(frameOfWire),
    nodes: profile.nodes,
    secondsPerSample: samples > 0 ? cpu_seconds / samples : 0,
  });
}

/** Both sides in CPU seconds: a difference has no samples of its own, so a "sample" is a second here. */
export function treeOfDifference(difference: schema.Difference): Tree {
  const {frame, parent, left_total, left_self, right_total, right_self} = difference.nodes;
  const frames = difference.frames.map(frameOfWire);
  for (const {frame, self_confidence} of difference.functions) {
    // The table has functions, which by line are several frames: of these the answer judges each alone.
    const judged = frames[frame];
    if (judged?.line === 0 && self_confidence?.verdict === "noise") judged.withinNoise = true;
  }
  return build({
    frames,
    nodes: {frame, parent, total: right_total, self: right_self},
    secondsPerSample: 1,
    before: {total: left_total, self: left_self},
  });
}
