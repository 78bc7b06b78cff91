// The picture that is put together from the live stream is what the whole profile would be.

import assert from "node:assert/strict";
import {test} from "node:test";
import {Picture} from "../src/api/live.ts";
import type * as schema from "../src/api/schema.ts";

type Row = [id: number, frame: number | null, parent: number, total: number, self: number];

const frame = (text: string) => ({text, name: text, kind: "python", origin: "own"}) as schema.Frame;

function changes(frames: readonly string[], rows: readonly Row[], removed: number[] = []): schema.Changes {
  const column = <At extends 0 | 1 | 2 | 3 | 4>(at: At) => rows.map((row) => row[at]);
  const nodes = {id: column(0), frame: column(1), parent: column(2), total: column(3), self: column(4)};
  return {frames: frames.map(frame), nodes, removed} as unknown as schema.Changes;
}

/** Path of texts → total, self. */
function shown(profile: schema.ProfileTree): Record<string, [number, number]> {
  const paths: string[] = [];
  const {nodes} = profile;
  nodes.frame.forEach((at, i) => {
    const parent = nodes.parent[i]!;
    assert.ok(at === null || parent < i, "parents come first");
    paths.push(at === null ? "" : `${paths[parent]}/${profile.frames[at]!.text}`);
  });
  return Object.fromEntries(paths.map((path, i) => [path, [nodes.total[i]!, nodes.self[i]!]]));
}

test("changes in their order give the picture", () => {
  const picture = new Picture();
  const head = {} as schema.Head;
  picture.reset(changes(["a", "b"], [[0, null, 0, 5, 0], [1, 0, 0, 5, 2], [2, 1, 1, 3, 3]]));
  assert.deepEqual(shown(picture.profile(head)), {"": [5, 0], "/a": [5, 2], "/a/b": [3, 3]});
  // What is gone goes, a new frame is appended, a number is used again below a later one.
  picture.apply(changes(["c"], [[0, null, 0, 6, 0], [3, 2, 0, 6, 0], [2, 0, 3, 6, 6]], [1, 2]));
  assert.deepEqual(shown(picture.profile(head)), {"": [6, 0], "/c": [6, 0], "/c/a": [6, 6]});
  picture.apply(changes([], []));
  assert.deepEqual(shown(picture.profile(head)), {"": [6, 0], "/c": [6, 0], "/c/a": [6, 6]});
  picture.reset(changes(["d"], [[0, null, 0, 1, 0], [1, 0, 0, 1, 1]]));
  assert.deepEqual(shown(picture.profile(head)), {"": [1, 0], "/d": [1, 1]});
});
