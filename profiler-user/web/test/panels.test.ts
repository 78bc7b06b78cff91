// What tables, filters and comparisons are made of: order, search, processes, ranges.

import assert from "node:assert/strict";
import {test} from "node:test";
import type {Process} from "../src/api/schema.ts";
import {functionsOf} from "../src/model/functions.ts";
import {sidesOf} from "../src/model/changes.ts";
import {processRows, Shares, sparkline, type Shown} from "../src/model/processes.ts";
import {narrowed} from "../src/panels/Combobox.tsx";
import {signedCpu, signedPoints} from "../src/panels/bars.tsx";
import {filtersOf, toggled, withFilters} from "../src/panels/filtering.ts";
import {moved} from "../src/panels/Grid.tsx";
import {ordered, searched, sortedBy, sortingOf, usedCount} from "../src/panels/order.ts";
import {earlier, earlierBy, lengthOf} from "../src/panels/shift.ts";
import {format, INITIAL, parse} from "../src/state/view.ts";
import {frame, treeOf} from "./samples.ts";

const TREE = treeOf([
  {stack: [frame("main"), frame("work", "b.py")], now: 6, before: 1},
  {stack: [frame("main"), frame("idle", "c.py")], now: 1, before: 9},
  {stack: [frame("main")], now: 2, before: 2},
  {stack: [frame("over", "d.py")], now: 0, before: 0},
], true);
const FUNCTIONS = functionsOf(TREE);

const names = (sort: string, search = "", compared = false) =>
  [...ordered(FUNCTIONS, searched(search).pattern, sortingOf(sort, compared), sidesOf(TREE))].map((at) => FUNCTIONS.frames[at]!.name);

test("rows are in the order of the column, and what nothing is in is no row", () => {
  assert.deepEqual(names("self"), ["work", "main", "idle"]);
  assert.deepEqual(names("-self"), ["idle", "main", "work"]);
  assert.deepEqual(names("total"), ["main", "work", "idle"]);
  assert.deepEqual(names("-name"), ["idle", "main", "work"]);
  assert.deepEqual(names("file"), ["idle", "work", "main"]);
  assert.deepEqual(names("no column"), names("self"));
  // What went away is as large a change as what came.
  assert.deepEqual(names("self", "", true), ["idle", "work", "main"]);
  assert.deepEqual(names("before", "", true), ["idle", "main", "work"]);
  assert.deepEqual(names("totalchange", "", true), ["idle", "work", "main"]);
  assert.equal(usedCount(FUNCTIONS), 3);
});

test("a search is a regular expression, and says so if it is none", () => {
  assert.deepEqual(names("self", "WORK|a\\.py"), ["work", "main"]);
  assert.deepEqual(searched("("), {pattern: null, wrong: "Unterminated group"});
  assert.deepEqual(searched(""), {pattern: null, wrong: ""});
});

test("a click on a column begins with the largest, or with A, and turns it around then", () => {
  assert.equal(sortedBy("total", sortingOf("self", false)), "total");
  assert.equal(sortedBy("total", sortingOf("total", false)), "-total");
  assert.equal(sortedBy("name", sortingOf("self", false)), "-name");
  assert.equal(sortedBy("name", sortingOf("-name", false)), "name");
});

test("keys lead to rows that there are", () => {
  const keys = ["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End", "x"];
  assert.deepEqual(keys.map((key) => moved(key, 5, 100, 10)), [6, 4, 15, 0, 0, 99, null]);
  assert.equal(moved("ArrowDown", 99, 100, 10), 99);
  assert.equal(moved("End", 0, 0, 10), null);
});

test("options are those that have every word", () => {
  const options = [{value: "1", text: "burn", detail: "/a/shop.py"}, {value: "2", text: "burn", detail: "/a/other.py"}];
  assert.deepEqual(narrowed(options, "SHOP bu").map(({value}) => value), ["1"]);
  assert.equal(narrowed(options, " ").length, 2);
});

test("changes have a sign", () => {
  assert.deepEqual([signedCpu(1.5), signedCpu(-0.02), signedCpu(0)], ["+1.50 s", "−20.0 ms", "±0 s"]);
  assert.deepEqual([signedPoints(0.1), signedPoints(-0.031), signedPoints(1e-9)], ["+10.0 pp", "−3.10 pp", "±0.00 pp"]);
});

test("filters of each side, and everything is not the same as what the view selects", () => {
  const shop = {service: ["shop"]};
  assert.deepEqual(toggled(shop, "service", "web"), {service: ["shop", "web"]});
  assert.deepEqual(toggled(shop, "service", "shop"), {});
  const view = {...INITIAL, live: false, filters: shop, compare: {range: null, filters: null, normalise: true}, colour: "difference" as const};
  assert.deepEqual(filtersOf(view, "before"), shop);
  for (const filters of [{}, {pid: ["7"]}, null]) {
    const next = {...view, ...withFilters(view, "before", filters)};
    assert.deepEqual(parse(format(next)), next);
    assert.deepEqual(filtersOf(next, "before"), filters ?? shop);
  }
  assert.deepEqual(withFilters(view, "after", {}), {filters: {}, zoom: [], near: null});
});

test("what was before is as long, and follows the present if the view does", () => {
  const minutes = {from: "now-5m", until: "now"};
  assert.equal(lengthOf(minutes), 300);
  assert.deepEqual(earlier(minutes, 3600), {from: "now-3900s", until: "now-3600s"});
  assert.deepEqual(earlier({from: "1000", until: "1060"}, 60), {from: "940", until: "1000"});
  assert.equal(earlierBy(minutes, earlier(minutes, 3600)), 3600);
  assert.equal(earlierBy(minutes, {from: "now-10m", until: "now"}), null);
});

function process(pid: number, parent: number | null, share: number, command = `p${pid}`): Process {
  return {
    pid, parent_pid: parent, children: [], command, cpu_share: share, cpu_seconds: 0, labels: {}, samples: 0,
    since_unix_seconds: 0, state: "profiled", threads: 1,
  };
}

test("processes are below their parents, those with the busiest trees first", () => {
  const list = [process(1, null, 0), process(2, 1, 0.1), process(3, 1, 0), process(4, 3, 0.9), process(5, 99, 0.5), process(6, 7, 0), process(7, 6, 0)];
  const shown: Shown = {sort: "cpu", smallestFirst: false, collapsed: new Set(), matches: null};
  const seen = (change: Partial<Shown>) => processRows(list, {...shown, ...change}).map(({process: {pid}, level}) => `${pid}/${level}`);
  // 6 and 7 say that each is the other's parent.
  assert.deepEqual(seen({}), ["1/1", "3/2", "4/3", "2/2", "5/1", "6/1", "7/1"]);
  assert.deepEqual(seen({collapsed: new Set([3])}), ["1/1", "3/2", "2/2", "5/1", "6/1", "7/1"]);
  assert.deepEqual(seen({matches: ({pid}) => pid === 4}), ["1/1", "3/2", "4/3"]);
  assert.deepEqual(seen({sort: "pid", smallestFirst: true}), ["1/1", "2/2", "3/2", "4/3", "5/1", "6/1", "7/1"]);
  const [top] = processRows(list, shown);
  assert.deepEqual([top!.share, top!.below, top!.expanded], [1, 3, true]);
});

test("shares are remembered as long as the process is there", () => {
  const shares = new Shares();
  const first = [process(1, null, 0.5), process(2, null, 0)];
  shares.add(first);
  shares.add(first);
  shares.add([process(1, null, 2)]);
  assert.deepEqual([shares.of(1), shares.of(2)], [[0.5, 2], []]);
  assert.equal(sparkline(shares.of(1), 39, 10), "38.0,7.5 39.0,0.0");
});
