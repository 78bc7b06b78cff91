// Selections in time.

import assert from "node:assert/strict";
import {test} from "node:test";
import {fixed, lengthInWords, moved, panned, partAt, resized, snapped, spanOf, windowOf, zoomed, type Span} from "../src/model/selection.ts";
import {INITIAL, type View} from "../src/state/view.ts";

const NOW = 10_000.5;
const window: Span = {from: 1000, until: 2000};
const of = (from: number, until: number): Span => ({from, until});
const view = (change: Partial<View>): View => ({...INITIAL, ...change});

test("a window suits the range: at least a quarter of an hour, up to the present or around it", () => {
  assert.deepEqual(windowOf(view({}), NOW), {from: "now-900s", until: "now"});
  assert.deepEqual(windowOf(view({range: {from: "now-1h", until: "now"}}), NOW), {from: "now-4500s", until: "now"});
  assert.deepEqual(windowOf(view({range: fixed(of(5000, 5100))}), NOW), {from: "4600", until: "5500"});
  assert.deepEqual(windowOf(view({range: fixed(of(4000, 5000))}), NOW), {from: "3000", until: "6000"});
  // Not into the future.
  assert.deepEqual(windowOf(view({range: fixed(of(9900, 10_000))}), NOW), {from: "9100", until: "10000"});
  // Both sides of a comparison are in it.
  const compare = {range: fixed(of(2000, 2100)), filters: null, normalise: true};
  assert.deepEqual(windowOf(view({range: fixed(of(3000, 3100)), compare, live: false}), NOW), {from: "900", until: "4200"});
  // What the view says counts, unless it says nothing that could be shown.
  assert.deepEqual(windowOf(view({window: {from: "now-30s", until: "now"}}), NOW), {from: "now-30s", until: "now"});
  for (const window of [{from: "now", until: "now"}, {from: "x", until: "now"}]) {
    assert.deepEqual(windowOf(view({window}), NOW), {from: "now-900s", until: "now"});
  }
  assert.deepEqual(windowOf(view({range: {from: "x", until: "y"}, live: false}), NOW), {from: "now-900s", until: "now"});
  assert.equal(spanOf({from: "200", until: "100"}, NOW), null);
});

test("a drag selects whole seconds, at least one, inside the window", () => {
  assert.deepEqual(snapped(1100.2, 1102.7, window), of(1100, 1103));
  assert.deepEqual(snapped(1102.7, 1100.2, window), of(1100, 1103));
  assert.deepEqual(snapped(1100, 1103, window), of(1100, 1103));
  assert.deepEqual(snapped(1100.4, 1100.5, window), of(1100, 1101));
  assert.deepEqual(snapped(500, 700, window), of(1000, 1001));
  assert.deepEqual(snapped(1500, 5000, window), of(1500, 2000));
  assert.deepEqual(snapped(2000, 2000, window), of(1999, 2000));
});

test("what is moved keeps its length and stays in the window", () => {
  assert.deepEqual(moved(of(1100, 1200), 10.4, window), of(1110, 1210));
  assert.deepEqual(moved(of(1100, 1200), -5000, window), of(1000, 1100));
  assert.deepEqual(moved(of(1100, 1200), 5000, window), of(1900, 2000));
  // Longer than the window: as long as that.
  assert.deepEqual(moved(of(0, 5000), 10, window), of(1000, 2000));
});

test("an edge can be dragged past the other one", () => {
  assert.deepEqual(resized(of(1100, 1200), "until", 1250.2, window), of(1100, 1250));
  assert.deepEqual(resized(of(1100, 1200), "until", 1050, window), of(1050, 1100));
  assert.deepEqual(resized(of(1100, 1200), "from", 1300, window), of(1200, 1300));
  assert.deepEqual(resized(of(1100, 1200), "from", 1200, window), of(1200, 1201));
});

test("zoom keeps what is under the pointer, within bounds, not into the future", () => {
  const bounds = {shortest: 30, longest: 86_400, now: NOW};
  assert.deepEqual(zoomed(window, 0.5, 1250, bounds), of(1125, 1625));
  assert.deepEqual(zoomed(window, 0.001, 1500, bounds), of(1485, 1515));
  assert.deepEqual(zoomed(of(9000, 10_000), 2, 9500, bounds), of(8000, 10_000));
  assert.deepEqual(zoomed(window, 1e9, 1500, {...bounds, longest: 5000}), of(-1000, 4000));
  assert.deepEqual(panned(window, 0.5, NOW), of(1500, 2500));
  assert.deepEqual(panned(of(9000, 9900), 0.5, NOW), of(9100, 10_000));
});

test("edges are taken before what is between them", () => {
  const span = of(1100, 1200);
  assert.equal(partAt(span, 1097, 5), "from");
  assert.equal(partAt(span, 1203, 5), "until");
  assert.equal(partAt(span, 1150, 5), "inside");
  assert.equal(partAt(span, 1090, 5), null);
  assert.equal(partAt(of(1100, 1101), 1100.9, 5), "until");
});

test("lengths in words", () => {
  assert.deepEqual([0.4, 45, 60, 75, 7200, 273_600, 90_061].map(lengthInWords), ["0 s", "45 s", "1 min", "1 min 15 s", "2 h", "3 d 4 h", "1 d 1 h"]);
});
