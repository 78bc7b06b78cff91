// The live picture, put together from differences.

import assert from "node:assert/strict";
import {test} from "node:test";
import {Picture} from "../src/api/live.ts";
import type * as schema from "../src/api/schema.ts";
import {treeOfProfile} from "../src/model/wire.ts";
import {nodeAt, pathOf} from "../src/model/tree.ts";

function frame(name: string): schema.Frame {
  return {text: name, name, kind: "python", origin: "own"} as schema.Frame;
}

function changes(frames: string[], nodes: [number, number | null, number, number, number][], removed: number[] = []): schema.Changes {
  const total = nodes.find(([id]) => id === 0)?.[3] ?? 0;
  return {
    subject: "all",
    total: {samples: total, cpu_seconds: total / 10},
    frames: frames.map(frame),
    nodes: {
      id: nodes.map((node) => node[0]),
      frame: nodes.map((node) => node[1]),
      parent: nodes.map((node) => node[2]),
      total: nodes.map((node) => node[3]),
      self: nodes.map((node) => node[4]),
    },
    removed,
  } as unknown as schema.Changes;
}

/** Paths with their totals. */
function paths(picture: Picture, head: schema.Changes): Record<string, number> {
  const tree = treeOfProfile(picture.profile(head));
  const found: Record<string, number> = {};
  for (let node = 0; node < tree.frame.length; node++) {
    const path = pathOf(tree, node);
    assert.equal(nodeAt(tree, path), node);
    found[path.join(">")] = tree.total[node]!;
  }
  return found;
}

test("differences make of the first picture the next one", () => {
  const picture = new Picture();
  const first = changes(["main", "b", "a"], [[0, null, 0, 10, 0], [1, 0, 0, 10, 2], [2, 1, 1, 5, 5], [3, 2, 1, 3, 3]]);
  picture.reset(first);
  assert.deepEqual(paths(picture, first), {"": 10, "main": 10, "main>a": 3, "main>b": 5});
  // b goes, its number is used again below a node that comes later and has a higher one.
  const second = changes(["c"], [[0, null, 0, 12, 0], [1, 0, 0, 12, 0], [3, 2, 1, 4, 4], [4, 3, 1, 8, 1], [2, 1, 4, 7, 7]], [2]);
  picture.apply(second);
  assert.deepEqual(paths(picture, second), {"": 12, "main": 12, "main>a": 4, "main>c": 8, "main>c>b": 7});
  picture.reset(first);
  assert.deepEqual(paths(picture, first), {"": 10, "main": 10, "main>a": 3, "main>b": 5});
});
