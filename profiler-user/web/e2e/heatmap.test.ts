// Time within the second, and what ran when: heat map and flame chart, of programs of which both is known.

import assert from "node:assert/strict";
import {execFileSync, type ChildProcess} from "node:child_process";
import {after, before, test} from "node:test";
import type {Browser, Page} from "playwright-core";
import {program, startAgent, until, type Agent} from "./agent.ts";
import {open, picture, startBrowser} from "./browser.ts";

interface Heat {
  start_unix_seconds: number;
  complete_since_unix_seconds: number;
  samples: number;
  most: number;
  parts: number;
  columns: number[][];
}

let agent: Agent;
let browser: Browser;
let shop: ChildProcess;
let phases: ChildProcess;
let now = 0;
/** Whole seconds that are over and known. */
const SECONDS = 14;
/** Of a second, at the agent's own frequency. */
const PARTS = 10;
// Names of their own: the machine may run other programs.
const SHOP = `shop-${process.pid}`;
const PHASES = `phases-${process.pid}`;

async function heat(query: string): Promise<Heat> {
  const address = `${agent.url}/api/v1/heatmap?from=${now - SECONDS}&until=${now}&parts=${PARTS}&query=${encodeURIComponent(query)}`;
  return await (await fetch(address)).json() as Heat;
}

/** The thread that runs in bursts: the one of the shop that uses less. */
let collector = "";

before(async () => {
  shop = program("shop.py", [], {SERVICE_NAME: SHOP});
  phases = program("phases.py", [], {SERVICE_NAME: PHASES});
  agent = await startAgent([shop, phases]);
  browser = await startBrowser();
  // What they do is by the clock: a machine that is busy with other things must not blur it. They leave a CPU to others.
  for (const child of [shop, phases]) execFileSync("chrt", ["--all-tasks", "--fifo", "--pid", "1", String(child.pid)]);
  const since = Date.now() / 1000;
  await until(async () => {
    now = Math.floor(Date.now() / 1000) - 1;
    if (now - SECONDS < since) return false;
    const range = `from=${now - SECONDS}&until=${now}`;
    const query = encodeURIComponent(`{service="${SHOP}"}`);
    const threads = await (await fetch(`${agent.url}/api/v1/series?${range}&by=tid&query=${query}`)).json() as
      {groups?: {labels: {tid: string}; total: {samples: number}}[]};
    collector = threads.groups?.length === 2 ? threads.groups[1]!.labels.tid : "";
    if (collector === "") return false;
    const found = await heat(`{tid="${collector}"}`);
    const top = await (await fetch(`${agent.url}/api/v1/top?${range}&query=${encodeURIComponent(`{service="${PHASES}"}`)}`)).json() as
      {functions: {frame: {name: string; kind: string}}[]};
    // From the begin on both programs were known by name.
    const named = ["first_phase", "second_phase"].every((name) => top.functions.some(({frame}) => frame.name === name));
    return named && !top.functions.some(({frame}) => frame.kind === "unknown") &&
      found.samples > 10 && found.complete_since_unix_seconds <= now - SECONDS;
  }, () => agent.log());
});

after(async () => {
  await browser?.close();
  await agent?.end();
});

const query = (page: Page) => new URL(page.url()).searchParams;
const fixedRange = () => `from=${now - SECONDS}&until=${now}&wfrom=${now - 60}&wuntil=${now}`;
const map = (page: Page) => page.getByRole("application", {name: /^Heat map/});

/** Where the middle of a cell is on the page. */
async function cell(page: Page, second: number, part: number, parts: number): Promise<{x: number; y: number}> {
  const box = (await map(page).boundingBox())!;
  return {
    x: box.x + 34 + ((second + 0.5) / SECONDS) * (box.width - 34 - 8),
    y: box.y + box.height - 16 - ((part + 0.5) / parts) * (box.height - 16 - 10),
  };
}

/** Whether a pixel of the canvas is not the colour of cells without samples. */
function painted(page: Page, {x, y}: {x: number; y: number}): Promise<boolean> {
  return page.evaluate(({x, y}) => {
    const canvas = document.querySelector<HTMLCanvasElement>(".heat-plot canvas")!;
    const {left, top, width} = canvas.getBoundingClientRect();
    const ratio = canvas.width / width;
    const at = canvas.getContext("2d")!.getImageData(Math.round((x - left) * ratio), Math.round((y - top) * ratio), 1, 1).data;
    const sample = document.querySelector<HTMLElement>(".heat-none")!;
    const none = /(\d+), (\d+), (\d+)/.exec(getComputedStyle(sample).backgroundColor)!.slice(1).map(Number);
    return none.some((channel, i) => channel !== at[i]);
  }, {x, y});
}

test("bursts at the beginning of each second are in the lowest rows, as the API has them", async () => {
  const {page, wrong} = await open(browser, `${agent.url}/?pane=heatmap&${fixedRange()}&l.tid=${collector}`);
  await map(page).waitFor();
  const expected = await heat(`{tid="${collector}"}`);
  const early = expected.columns.reduce((sum, column) => sum + column.slice(0, expected.parts / 2).reduce((a, b) => a + b, 0), 0);
  assert.ok(early > 0.7 * expected.samples, `${early} of ${expected.samples}`);
  await picture(page, "heatmap-bursts");
  for (const [second, column] of expected.columns.entries()) {
    if (column.every((count) => count === 0)) continue;
    for (const [part, count] of column.entries()) {
      const there = await painted(page, await cell(page, second, part, expected.parts));
      assert.equal(there, count > 0, `second ${second}, part ${part}: ${count}`);
    }
  }
  // Under the pointer: time, offset, samples.
  const second = expected.columns.findIndex((column) => column.some((count) => count > 0));
  const part = expected.columns[second]!.findIndex((count) => count > 0);
  const place = await cell(page, second, part, expected.parts);
  await page.mouse.move(place.x, place.y);
  const each = 1000 / expected.parts;
  const count = expected.columns[second]![part]!;
  await page.getByText(new RegExp(`:\\d\\d, ${part * each} to ${(part + 1) * each} ms: ${count} sample`)).waitFor();
  assert.deepEqual(wrong, []);
  await page.close();
});

test("seconds that are dragged over lead to their flame graph", async () => {
  const {page, wrong} = await open(browser, `${agent.url}/?pane=heatmap&${fixedRange()}&l.service=${SHOP}`);
  await map(page).waitFor();
  const started = page.url();
  const expected = await heat(`{service="${SHOP}"}`);
  const [from, to] = [await cell(page, 3, 2, PARTS), await cell(page, 5, 6, PARTS)];
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, {steps: 5});
  await page.mouse.up();
  const samples = expected.columns.slice(3, 6).flat().reduce((sum, count) => sum + count, 0);
  await page.getByText(`3 s, ${samples} sample`).waitFor();
  // Its flame graph is beneath, of the same seconds, and there again when the page is loaded again.
  const begin = now - SECONDS;
  assert.deepEqual([query(page).get("mfrom"), query(page).get("muntil")], [String(begin + 3), String(begin + 6)]);
  const asked = page.waitForRequest((request) => new URL(request.url()).pathname === "/api/v1/profile");
  await page.reload();
  const of = new URL((await asked).url()).searchParams;
  assert.deepEqual([of.get("from"), of.get("until")], [String(begin + 3), String(begin + 6)]);
  const flame = page.getByRole("application", {name: "Flame graph"});
  await flame.focus();
  await page.keyboard.press("Home");
  await page.getByRole("tooltip").getByText(String(samples), {exact: true}).waitFor();
  await picture(page, "heatmap");
  await page.getByRole("button", {name: "Flame graph of this"}).click();
  await page.waitForURL((url) => !url.searchParams.has("pane"));
  assert.deepEqual([query(page).get("from"), query(page).get("until")], [String(begin + 3), String(begin + 6)]);
  await page.goBack();
  await page.waitForURL((url) => url.searchParams.get("pane") === "heatmap" && url.searchParams.has("mfrom"));
  await page.goBack();
  await page.waitForURL(started);
  await flame.waitFor({state: "detached"});
  // By keys: the last second, the one before it, Enter, and the button has the focus.
  await map(page).focus();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowUp");
  await page.getByText(/, 100 to 200 ms: /).waitFor({state: "attached"});
  await page.keyboard.press("Enter");
  await page.getByText(/, 1 s, /).waitFor();
  await until(() => page.getByRole("button", {name: "Flame graph of this"}).evaluate((button) => button === document.activeElement));
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.searchParams.get("from") === String(now - 2));
  assert.equal(query(page).get("until"), String(now - 1));
  assert.deepEqual(wrong, []);
  await page.close();
});

test("what is too long says so and offers its end; live it moves on; what is not known is hatched", async () => {
  const {page, wrong} = await open(browser, `${agent.url}/?pane=heatmap&from=now-1d`);
  await page.getByText(/A heat map is of .* at most; the range is of 1 d/).waitFor();
  await page.getByRole("button", {name: /^The last /}).click();
  await map(page).waitFor();
  await page.getByLabel("Range").selectOption("now-1m");
  await page.getByRole("application", {name: /^Heat map of 60 seconds/}).waitFor();
  const asked = await page.waitForRequest((request) => request.url().includes("/heatmap"));
  const first = Number(new URL(asked.url()).searchParams.get("until"));
  await page.waitForRequest((request) => request.url().includes("/heatmap") && Number(new URL(request.url()).searchParams.get("until")) > first);
  await picture(page, "heatmap-live");
  assert.deepEqual(wrong, []);
  await page.close();
  for (const look of [{dark: true}, {width: 390, dark: true}]) {
    const {page, wrong} = await open(browser, `${agent.url}/?pane=heatmap&${fixedRange()}&l.service=${SHOP}`, look);
    await map(page).waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await picture(page, `heatmap-dark-${look.width ?? 1280}`);
    assert.deepEqual(wrong, []);
    await page.close();
  }
});

test("the flame chart shows phases one after the other", async () => {
  const {page, wrong} = await open(browser, `${agent.url}/?pane=chart&${fixedRange()}&l.service=${PHASES}`);
  const chart = page.getByRole("application", {name: /^Flame chart/});
  await chart.waitFor();
  await page.getByRole("combobox", {name: /^Process/}).locator("option", {hasText: String(phases.pid)}).waitFor({state: "attached"});
  assert.equal(await page.getByRole("combobox", {name: /^Process/}).inputValue(), String(phases.pid));
  await picture(page, "chart");
  // Down by keys to the phases, and along them. The program goes by the clock, in steps of three seconds.
  const details = page.locator("#chart-details");
  await chart.focus();
  for (let i = 0; i < 8 && !/_phase /.test(await details.innerText()); i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Home");
  const begin = now - SECONDS;
  const ofDay = (text: string) => text.split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
  const beginOfDay = ofDay(await page.evaluate((at) => new Date(1000 * at).toTimeString().slice(0, 8), begin));
  const unix = (text: string) => begin + ((ofDay(text) - beginOfDay + 86_400) % 86_400);
  const seen: {name: string; right: number; wrong: number}[] = [];
  for (let before = ""; ; await page.keyboard.press("ArrowRight")) {
    const text = await details.innerText();
    if (text === before) break;
    before = text;
    const [, name, from, to] = /^(first|second)_phase .* from (\S+) to ([\d:]+)/.exec(text)!;
    const box = {name: name!, right: 0, wrong: 0};
    for (let second = unix(from!); second < Math.max(unix(to!), unix(from!) + 1); second++) {
      if ((Math.floor(second / 3) % 2 === 1) === (name === "second")) box.right++;
      else box.wrong++;
    }
    seen.push(box);
  }
  const said = JSON.stringify(seen);
  // A search says its share and keeps the boxes.
  await page.keyboard.press("/");
  await page.keyboard.type("_phase \\(");
  const share = Number(/^([\d.]+) % of the samples$/.exec(await page.locator("#search-said").innerText())![1]);
  assert.ok(share > 90 && share <= 100, `${share} %`);
  await picture(page, "chart-search");
  await page.keyboard.press("ArrowDown");
  const sum = (key: "right" | "wrong") => seen.reduce((sum, box) => sum + box[key], 0);
  assert.ok(seen.length >= 4 && seen.length <= SECONDS, said);
  assert.ok(["first", "second"].every((name) => seen.some((box) => box.name === name)), said);
  // A call that has begun in time may end late.
  assert.ok(sum("right") >= 8 && sum("wrong") <= 2, said);
  // Enter: only this time, here and on the timeline; back again.
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => Number(url.searchParams.get("until")) - Number(url.searchParams.get("from")) <= 4);
  await page.goBack();
  await page.waitForURL((url) => url.searchParams.get("from") === String(now - SECONDS));
  assert.deepEqual(wrong, []);
  await page.close();
});

test("time dragged over in the flame chart is shown alone, a click points a function out", async () => {
  const {page, wrong} = await open(browser, `${agent.url}/?pane=chart&${fixedRange()}&l.service=${SHOP}`, {dark: true});
  const chart = page.getByRole("application", {name: /^Flame chart/});
  await chart.waitFor();
  await page.getByRole("combobox", {name: /^Thread/}).selectOption(collector);
  await page.waitForURL((url) => url.searchParams.get("l.tid") === collector && url.searchParams.get("l.pid") === String(shop.pid));
  const box = (await chart.boundingBox())!;
  const x = (second: number) => box.x + 34 + (second / SECONDS) * (box.width - 34 - 8);
  const url = `${agent.url}/api/v1/chart?from=${now - SECONDS}&until=${now}&query=${encodeURIComponent(`{tid="${collector}"}`)}`;
  const {slices} = await (await fetch(url)).json() as {slices: {node: number[]}[]};
  await page.mouse.click(x(slices.findIndex(({node}) => node.length > 0) + 0.5), box.y + 26 + 16 + 4 + 8);
  await page.waitForURL((url) => url.searchParams.has("chosen"));
  await page.mouse.move(x(2.5), box.y + 60);
  await page.mouse.down();
  await page.mouse.move(x(8.5), box.y + 60, {steps: 5});
  await page.mouse.up();
  await page.waitForURL((url) => url.searchParams.get("from") === String(now - SECONDS + 2));
  assert.equal(query(page).get("until"), String(now - SECONDS + 9));
  await page.getByRole("button", {name: "More time"}).click();
  await page.waitForURL((url) => Number(url.searchParams.get("until")) - Number(url.searchParams.get("from")) === 14);
  await picture(page, "chart-dark");
  assert.deepEqual(wrong, []);
  await page.close();
  const phone = await open(browser, `${agent.url}/?pane=chart&${fixedRange()}&l.service=${SHOP}`, {width: 390});
  await phone.page.getByRole("application", {name: /^Flame chart/}).waitFor();
  assert.ok(await phone.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await picture(phone.page, "chart-390");
  assert.deepEqual(phone.wrong, []);
  await phone.page.close();
});
