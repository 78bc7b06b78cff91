// Texts in boxes, and how they are shortened.

import assert from "node:assert/strict";
import {test} from "node:test";
import {formsOf, Labels, lettersOf, visible} from "../src/flame/labels.ts";
import type {Frame} from "../src/model/tree.ts";

function named(name: string, file = "", line = 0): Frame {
  const place = file === "" ? "" : ` (${file}${line > 0 ? `:${line}` : ""})`;
  return {text: name + place, name, kind: "python", origin: "own", file, line, firstLine: 0, module: ""};
}

/** Each letter is 10 wide, and those of East Asia 20. */
const width = (text: string) => lettersOf(text).reduce((sum, letter) => sum + (/\p{Script=Han}|\p{Emoji_Presentation}/u.test(letter) ? 20 : 10), 0);

test("directories go first, from the outermost on, then the place", () => {
  assert.deepEqual(formsOf(named("run", "/srv/app/shop/views.py", 12)), [
    "run (/srv/app/shop/views.py:12)", "run (…/app/shop/views.py:12)", "run (…/shop/views.py:12)", "run (views.py:12)", "run",
  ]);
  assert.deepEqual(formsOf(named("<module>", "shop.py")), ["<module> (shop.py)", "<module>"]);
  assert.deepEqual(formsOf({...named("vfs_read"), text: "vfs_read_[k]"}), ["vfs_read_[k]", "vfs_read"]);
  assert.deepEqual(formsOf({...named(""), text: "[process not examined yet]"}), ["[process not examined yet]"]);
});

test("the longest text that fits, whole letters, nothing if that is too few", () => {
  const labels = new Labels(width);
  const frame = named("handle_request", "/srv/shop.py");
  assert.equal(labels.fit(frame, 1000), "handle_request (/srv/shop.py)");
  assert.equal(labels.fit(frame, 289), "handle_request (shop.py)");
  assert.equal(labels.fit(frame, 239), "handle_request");
  assert.equal(labels.fit(frame, 140), "handle_request");
  assert.equal(labels.fit(frame, 139), "handle_reque…");
  assert.equal(labels.fit(frame, 40), "han…");
  assert.equal(labels.fit(frame, 39), "");
  assert.equal(labels.fit(named("os"), 20), "os");
  assert.equal(labels.fit(named("os"), 19), "");
});

test("letters are never cut apart, however they are written", () => {
  const labels = new Labels(width);
  // An accent of its own, a flag, a family: each is one letter.
  const name = "e\u0301e\u0301e\u0301\u{1F1E9}\u{1F1EA}\u{1F468}\u200D\u{1F469}\u200D\u{1F467}計算処理";
  assert.equal(lettersOf(name).length, 9);
  for (let room = 0; room < 200; room++) {
    const text = labels.fit(named(name), room);
    assert.ok(width(text) <= room);
    const kept = text.replace("…", "");
    assert.deepEqual(lettersOf(name).slice(0, lettersOf(kept).length), lettersOf(kept));
    if (text !== "") assert.ok(lettersOf(kept).length >= 3);
  }
});

test("no text is wider than another one that would have fitted", () => {
  const labels = new Labels(width);
  const frame = named("find_endpoint_by_name", "/srv/www/shop/routes.py");
  let last = 0;
  for (let room = 0; room < 500; room++) {
    const text = labels.fit(frame, room);
    assert.ok(width(text) >= last || formsOf(frame).includes(text), text);
    last = text.endsWith("…") ? width(text) : 0;
  }
});

test("what would move other text about is shown as a sign", () => {
  assert.equal(visible("a\u202Eb\nc\u0000d"), "a\ufffdb\ufffdc\ufffdd");
  assert.equal(visible("naïve 計算"), "naïve 計算");
});

test("without time nothing is measured, and that is said", () => {
  let measured = 0;
  const labels = new Labels((text) => {
    measured++;
    return width(text);
  });
  labels.begin(-1);
  assert.equal(labels.fit(named("one"), 100), "");
  assert.ok(labels.starved);
  assert.equal(measured, 0);
  labels.begin(1000);
  assert.equal(labels.fit(named("one"), 100), "one");
  assert.ok(!labels.starved);
  // What is known needs no time.
  labels.begin(-1);
  assert.equal(labels.fit(named("one"), 100), "one");
});
