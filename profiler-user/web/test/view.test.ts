// The view and its address.

import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import {join} from "node:path";
import {test} from "node:test";
import {Store} from "../src/state/store.ts";
import {format, INITIAL, parse, selector, type View} from "../src/state/view.ts";

const MUCH: View = {
  range: {from: "1795478400", until: "1795482000"},
  live: false,
  window: {from: "now-1d", until: "now-1h"},
  by: "thread",
  filters: {service: ["check out", "a&b=c"], pid: ["7"]},
  compare: {range: {from: "now-2h", until: "now-1h"}, filters: {service: ["before"]}, normalise: false},
  pane: "top",
  lines: true,
  threads: true,
  processes: true,
  timeline: false,
  zoom: ["main (/srv/ü.py)", "a;b (x=1&y)", ""],
  near: {from: -0.25, to: 1.5e-7},
  search: "^a+b$",
  chosen: "f (x.py)",
  callers: ["f (x.py)", "main (/srv/ü.py)"],
  callees: ["f (x.py)", "g (y.py)", "g (y.py)"],
  only: "h (z.py)",
  icicle: false,
  colour: "module",
  hide: ["library", "unknown"],
  collapse: true,
  marked: {from: "1795478460", until: "1795478463"},
  file: "/srv/app main.py",
  filePid: 12,
  sort: "-total",
};

test("an address says the whole view, and leads back to it", () => {
  assert.equal(format(INITIAL), "");
  assert.deepEqual(parse(""), INITIAL);
  assert.deepEqual(parse(format(MUCH)), MUCH);
  // Each by itself, so that none hides another.
  for (const name of Object.keys(INITIAL) as (keyof View)[]) {
    const view: View = {...INITIAL, [name]: MUCH[name]};
    if (name === "range" || name === "compare") view.live = false;
    if (name === "callers" || name === "callees") view.chosen = MUCH.chosen;
    if (name === "compare") view.colour = "difference";
    assert.deepEqual(parse(format(view)), view, name);
  }
});

test("the documentation has every parameter of the address", () => {
  const text = readFileSync(join(process.env.VIEWER ?? ".", "../../docs/viewer.md"), "utf8");
  const listed = new Set([...text.slice(text.indexOf("## The address")).matchAll(/`([a-z]+(?:\.LABEL)?)(?:=1)?`/g)].map(([, name]) => name));
  const everything = {...MUCH, compare: {...MUCH.compare!, filters: {}}};
  for (const address of [MUCH, everything, {...INITIAL, live: false}].map(format)) {
    for (const name of new URLSearchParams(address).keys()) assert.ok(listed.has(name.replace(/^([lb])\..*/, "$1.LABEL")), name);
  }
});

test("what an address says wrongly is as at first", () => {
  const wrong = "pane=nothing&colour=&hide=everything&filepid=-3&from=&live=1&wuntil=now";
  assert.deepEqual(parse(wrong), INITIAL);
  for (const near of ["", "1", "0.5_0.5", "0.5_0.25", "a_b", "0_1_2", "0_Infinity"]) {
    assert.equal(parse(`near=${near}`).near, null, near);
  }
  const past = parse("from=now-2h&until=now-1h&live=1");
  assert.equal(past.live, false, "what is over can't be followed");
});

test("what the halves of a sandwich are zoomed to ends with the function that is chosen", () => {
  const view: View = {...INITIAL, chosen: "f (x.py)", callers: MUCH.callers, callees: MUCH.callees};
  const other = parse(format({...view, chosen: "g (y.py)"}));
  assert.deepEqual([other.callers, other.callees], [[], []]);
  assert.deepEqual(parse(format({...view, callers: ["f (x.py)"]})).callers, []);
});

test("filters select as Prometheus does", () => {
  assert.equal(selector({}), "");
  assert.equal(selector({service: []}), "");
  assert.equal(selector({service: ['a"b\\c']}), '{service="a\\"b\\\\c"}');
  assert.equal(selector({service: ["a.b", "c"], pid: ["7"]}), '{service=~"a\\\\.b|c",pid="7"}');
});

/** As much of a browser's window as a store needs. */
class Page {
  readonly location = {search: "", pathname: "/"};
  readonly entries = [""];
  #back: (() => void)[] = [];
  readonly history = {
    pushState: (_: unknown, __: string, address: string) => this.#go(address, this.entries.push(address)),
    replaceState: (_: unknown, __: string, address: string) => this.#go(address, (this.entries[this.entries.length - 1] = address)),
  };
  addEventListener(_: string, listener: () => void): void {
    this.#back.push(listener);
  }
  back(): void {
    this.entries.pop();
    this.#go(this.entries.at(-1) ?? "", null);
    for (const listener of this.#back) listener();
  }
  #go(address: string, _: unknown): void {
    this.location.search = address.startsWith("?") ? address : "";
  }
}

test("back leads to the view before, and typing is no step", () => {
  const page = new Page();
  const store = new Store(page as unknown as Window);
  const seen: string[] = [];
  store.subscribe((view) => seen.push(`${view.pane} ${view.search}`));
  store.set({pane: "top"});
  store.set({search: "a"}, "replace");
  store.set({search: "ab"}, "replace");
  store.set({search: "ab"});
  page.back();
  assert.deepEqual(seen, ["top ", "top a", "top ab", "flame "]);
  assert.equal(page.entries.length, 1);
});
