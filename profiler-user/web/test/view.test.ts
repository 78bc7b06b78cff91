// The view and its address: whoever opens the address of a view sees that view.

import assert from "node:assert/strict";
import {test} from "node:test";
import {COLOURS, HIDEABLE, INITIAL, PANES, format, parse, selector, type View} from "../src/state/view.ts";

const OTHERS: readonly Partial<View>[] = [
  {},
  ...PANES.map((pane) => ({pane})),
  ...COLOURS.map((colour) => ({colour})),
  {range: {from: "now-15m", until: "now"}, live: false},
  {range: {from: "1700000000", until: "1700000060"}, live: false},
  {window: {from: "now-1d", until: "now"}, by: "pid"},
  {filters: {service: ["a&b=c", "#?+ é"], "k8s.pod": ["\"\\\n"]}},
  {compare: {range: null, filters: null, normalise: true}, live: false, colour: "difference"},
  {compare: {range: {from: "now-1h", until: "now-30m"}, filters: {pid: ["7"]}, normalise: false}, live: false},
  {lines: true, threads: true, processes: true, icicle: false, collapse: true, hide: HIDEABLE},
  {zoom: ["<module> (a b.py)", "f&z=g (x.py)"], search: "^a+$", chosen: "f (x.py)", sort: "-total"},
  {file: "/srv/a b.py", filePid: 4242},
];

test("an address says all of a view", () => {
  for (const other of OTHERS) {
    const view = {...INITIAL, ...other};
    assert.deepEqual(parse(format(view)), view, format(view));
  }
  assert.equal(format(INITIAL), "");
});

test("an address that says nonsense is of a view", () => {
  for (const query of ["pane=nothing&colour=1&live=x&filepid=-3", "l.=x&from=&compare=2&hide=all&hide=kernel", "%%%&=&&&z"]) {
    const view = parse(query);
    assert.ok(PANES.includes(view.pane) && COLOURS.includes(view.colour) && view.filePid >= 0, query);
    assert.deepEqual(parse(format(view)), view, query);
  }
});

test("only what reaches to the present follows it", () => {
  assert.equal(parse("from=1700000000&until=1700000060&live=1").live, false);
  assert.equal(parse("compare=1&live=1").live, false);
  assert.equal(parse("from=now-5m").live, true);
});

test("what filters select is text, whatever is in it", () => {
  assert.equal(selector({}), "");
  assert.equal(selector({a: []}), "");
  assert.equal(selector({service: ['x"} or {pid="1']}), '{service="x\\"} or {pid=\\"1"}');
  assert.equal(selector({service: ["a.b", "c|d"], pid: ["1"]}), '{service=~"a\\\\.b|c\\\\|d",pid="1"}');
});
