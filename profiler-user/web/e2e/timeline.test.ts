// The timeline, as a person uses it: what is dragged over is what is seen.

import type {ChildProcess} from "node:child_process";
import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import type {Browser, Page} from "playwright-core";
import {program, startAgent, until, type Agent} from "./agent.ts";
import {open, picture, startBrowser} from "./browser.ts";

let agent: Agent;
let browser: Browser;
let began = 0;
let shop: ChildProcess;
// Names of their own: the machine may run other programs.
const SHOP = `shop-${process.pid}`;
const BILLING = `billing-${process.pid}`;

before(async () => {
  shop = program("shop.py", [], {SERVICE_NAME: SHOP});
  agent = await startAgent([
    shop,
    program("shop.py", ["--no-bursts"], {SERVICE_NAME: BILLING}),
  ]);
  began = Date.now() / 1000;
  browser = await startBrowser();
  // Something to select from.
  await until(async () => {
    const answer = await fetch(`${agent.url}/api/v1/series?from=${Math.floor(began)}&by=service`);
    const series = await answer.json() as {points: number; groups: {labels: {service: string}; total: {samples: number}}[]};
    if (!answer.ok || series.points < 8) return false;
    return [SHOP, BILLING].every((name) => series.groups.some(({labels, total}) => labels.service === name && total.samples > 20));
  }, () => agent.log());
});

after(async () => {
  await browser?.close();
  await agent?.end();
});

const plot = (page: Page) => page.getByRole("slider", {name: /^Selected time/});
const query = (page: Page) => new URL(page.url()).searchParams;

/** The window that the timeline shows, Unix seconds, and where its plot is on the page. */
async function place(page: Page): Promise<{from: number; until: number; x(at: number): number; top: number; bottom: number}> {
  const slider = plot(page);
  const box = (await slider.boundingBox())!;
  const [from, to] = await Promise.all(["aria-valuemin", "aria-valuemax"].map(async (name) => Number(await slider.getAttribute(name))));
  const [left, right] = [box.x + 34, box.x + box.width - 8];
  return {
    from: from!, until: to!, top: box.y, bottom: box.y + box.height,
    x: (at) => left + ((at - from!) / (to! - from!)) * (right - left),
  };
}

async function drag(page: Page, from: number, to: number, y?: number): Promise<void> {
  const where = await place(page);
  const level = y ?? (where.top + where.bottom) / 2 + 12;
  await page.mouse.move(where.x(from), level);
  await page.mouse.down();
  await page.mouse.move(where.x((from + to) / 2), level, {steps: 4});
  await page.mouse.move(where.x(to), level, {steps: 4});
  await page.mouse.up();
}

/** A page whose window is fixed: the minute up to now. */
async function openFixed(more = "", look = {}): ReturnType<typeof open> {
  const now = Math.floor(Date.now() / 1000);
  const opened = await open(browser, `${agent.url}/?wfrom=${now - 60}&wuntil=${now}&from=${now - 5}&until=${now}${more}`, look);
  await plot(opened.page).waitFor();
  return opened;
}

test("what is dragged over is what is selected, to the second, and back is back", async () => {
  const {page, wrong} = await openFixed();
  const {from, until: end} = await place(page);
  const started = page.url();
  // In the middle of the seconds: those that are dragged over in part are in it.
  await drag(page, end - 6.5, end - 3.5);
  await page.waitForURL((url) => url.searchParams.get("from") === String(end - 7));
  assert.equal(query(page).get("until"), String(end - 3));
  assert.equal(query(page).get("wfrom"), String(from));
  assert.match((await plot(page).getAttribute("aria-valuetext"))!, /, 4 s, \d+\.\d+ CPUs$/);
  // The profile is of these seconds: the agent was asked for them.
  // That for the seconds before may be on its way still.
  const asked = page.waitForRequest((request) => {
    const url = new URL(request.url());
    return url.pathname === "/api/v1/profile" && url.searchParams.get("from") !== String(end - 7);
  });
  await drag(page, end - 9.5, end - 8.5);
  const profile = new URL((await asked).url()).searchParams;
  assert.deepEqual([profile.get("from"), profile.get("until")], [String(end - 10), String(end - 8)]);
  await page.goBack();
  await page.waitForURL((url) => url.searchParams.get("from") === String(end - 7));
  await page.goBack();
  await page.waitForURL(started);
  assert.deepEqual(wrong, []);
  await page.close();
});

test("handles resize, the grip moves, a double click goes back to the present", async () => {
  const {page, wrong} = await openFixed();
  const {until: end, top} = await place(page);
  await drag(page, end - 20.5, end - 10.5);
  await page.waitForURL((url) => url.searchParams.get("from") === String(end - 21));
  await drag(page, end - 21, end - 25);
  await page.waitForURL((url) => url.searchParams.get("from") === String(end - 25));
  assert.equal(query(page).get("until"), String(end - 10));
  await drag(page, end - 17, end - 12, top + 5);
  await page.waitForURL((url) => url.searchParams.get("from") === String(end - 20));
  assert.equal(query(page).get("until"), String(end - 5));
  await plot(page).dblclick({position: {x: 200, y: 60}});
  await page.getByText("live", {exact: true}).waitFor();
  assert.deepEqual([query(page).get("from"), query(page).get("wfrom")], [null, null]);
  assert.deepEqual(wrong, []);
  await page.close();
});

test("live it moves on; the window can be zoomed and moved", async () => {
  const {page, wrong} = await open(browser, agent.url);
  await plot(page).waitFor();
  const first = await place(page);
  assert.equal(first.until - first.from, 900);
  await until(async () => (await place(page)).until > first.until);
  await page.getByRole("button", {name: "Shorter window"}).click();
  await page.waitForURL((url) => url.searchParams.get("wfrom") === "now-450s");
  await until(async () => {
    const {from, until: end} = await place(page);
    return end - from === 450;
  });
  await page.getByRole("button", {name: "Earlier"}).click();
  await until(async () => (await place(page)).until < first.until);
  const earlier = await place(page);
  await page.mouse.move((earlier.x(earlier.from) + earlier.x(earlier.until)) / 2, earlier.top + 50);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -400);
  await page.keyboard.up("Control");
  await until(async () => {
    const {from, until: end} = await place(page);
    return end - from < 400;
  });
  await page.getByRole("button", {name: "Now"}).click();
  await page.waitForURL((url) => url.search === "");
  await picture(page, "timeline-live");
  assert.deepEqual(wrong, []);
  await page.close();
});

test("a comparison has two selections, before first", async () => {
  const {page, wrong} = await openFixed();
  await page.getByRole("button", {name: "Compare"}).click();
  const {until: end} = await place(page);
  const side = (name: string) => page.getByRole("radio", {name}).isChecked();
  assert.ok(await side("Before"));
  await drag(page, end - 9.5, end - 7.5);
  await page.waitForURL((url) => url.searchParams.get("bfrom") === String(end - 10));
  assert.equal(query(page).get("buntil"), String(end - 7));
  // The other one is next.
  assert.ok(await side("After"));
  const compared = page.waitForRequest((request) => request.url().includes("/api/v1/diff"));
  await drag(page, end - 4.5, end - 2.5);
  const asked = new URL((await compared).url()).searchParams;
  assert.deepEqual(["left_from", "left_until", "right_from", "right_until"].map((name) => asked.get(name)),
    [end - 10, end - 7, end - 5, end - 2].map(String));
  await picture(page, "timeline-compare");
  await page.getByRole("radio", {name: "Before"}).check();
  await drag(page, end - 15.5, end - 14.5);
  await page.waitForURL((url) => url.searchParams.get("bfrom") === String(end - 16));
  assert.equal(query(page).get("from"), String(end - 5));
  // An edge of the other one is taken without saying so.
  await drag(page, end - 2, end - 1);
  await page.waitForURL((url) => url.searchParams.get("until") === String(end - 1));
  assert.equal(query(page).get("bfrom"), String(end - 16));
  assert.deepEqual(wrong, []);
  await page.close();
});

test("the legend filters, and the label can be another", async () => {
  const {page, wrong} = await openFixed();
  const legend = page.getByRole("list", {name: "Legend"});
  await legend.getByRole("button", {name: BILLING}).waitFor();
  await legend.getByRole("button", {name: SHOP}).click();
  await page.waitForURL((url) => url.searchParams.get("l.service") === SHOP);
  await legend.getByRole("button", {name: BILLING}).waitFor({state: "detached"});
  await page.getByLabel("CPUs by").selectOption("pid");
  await legend.getByRole("button", {name: String(shop.pid)}).waitFor();
  await page.goBack();
  await legend.getByRole("button", {name: SHOP, pressed: true}).click();
  await legend.getByRole("button", {name: BILLING}).waitFor();
  await page.waitForURL((url) => !url.searchParams.has("l.service"));
  assert.deepEqual(wrong, []);
  await page.close();
});

test("values under the pointer are those of the API", async () => {
  const {page, wrong} = await openFixed(`&l.service=${SHOP}&l.service=${BILLING}`);
  const {from, until: end, x, top} = await place(page);
  // What memory has, by seconds: a range that begins before would come from the store, by windows of ten.
  const {memory} = (await (await fetch(`${agent.url}/api/v1/status`)).json()) as {memory: {complete_since_unix_seconds: number}};
  const since = Math.max(Math.ceil(memory.complete_since_unix_seconds), from);
  const address = `${agent.url}/api/v1/series?from=${since}&until=${end}&step=1&by=service&query=${encodeURIComponent(`{service=~"${SHOP}|${BILLING}"}`)}`;
  const {start_unix_seconds: start, step_seconds: step, groups} = await (await fetch(address)).json() as
    {start_unix_seconds: number; step_seconds: number; groups: {labels: {service: string}; cpu_seconds: number[]}[]};
  assert.deepEqual([groups.length, step], [2, 1]);
  const second = groups[0]!.cpu_seconds.findLastIndex((cpu, i) => cpu > 0 && groups[1]!.cpu_seconds[i]! > 0);
  const texts = (value: number) => value.toFixed(value >= 0.0995 ? 2 : 3);
  await page.mouse.move(x(start + second + 0.5), top + 50);
  const values = page.locator(".timeline-values");
  await values.waitFor();
  const said = (await values.textContent())!;
  for (const {labels, cpu_seconds} of groups) assert.ok(said.includes(labels.service + texts(cpu_seconds[second]!)), `${said}, not ${texts(cpu_seconds[second]!)}`);
  assert.match(said, /^\d\d:\d\d:\d\d/);
  assert.ok(said.endsWith(`all${texts(groups[0]!.cpu_seconds[second]! + groups[1]!.cpu_seconds[second]!)} CPUs`), said);
  await picture(page, "timeline");
  assert.deepEqual(wrong, []);
  await page.close();
});

test("all of it by keys alone", async () => {
  const {page, wrong} = await openFixed();
  const {from, until: end} = await place(page);
  const started = page.url();
  const selected = () => [Number(query(page).get("from")) - end, Number(query(page).get("until")) - end];
  const press = async (key: string, expected: [number, number]) => {
    await page.keyboard.press(key);
    await until(() => selected().join() === expected.join(), () => `${key}: ${selected().join()}`);
  };
  for (let i = 0; i < 30 && await page.evaluate(() => document.activeElement?.getAttribute("role")) !== "slider"; i++) {
    await page.keyboard.press("Tab");
  }
  await press("ArrowLeft", [-6, -1]);
  await press("ArrowLeft", [-7, -2]);
  await press("Shift+ArrowRight", [-7, -1]);
  await press("Shift+ArrowLeft", [-7, -2]);
  await press("Home", [from - end, from - end + 5]);
  await press("End", [-5, 0]);
  await press("ArrowLeft", [-6, -1]);
  assert.match((await plot(page).getAttribute("aria-valuetext"))!, /, 5 s, /);
  const rows = page.locator("#timeline-table tbody tr");
  const named = await rows.getByRole("rowheader").allTextContents();
  assert.ok(named.includes(BILLING) && named.includes(SHOP), named.join());
  // All these were one step.
  await page.goBack();
  await page.waitForURL(started);
  await plot(page).focus();
  await page.keyboard.press("Escape");
  await page.waitForURL((url) => url.search === "");
  await page.getByRole("button", {name: "Timeline"}).press("Enter");
  await plot(page).waitFor({state: "detached"});
  assert.deepEqual(wrong, []);
  await page.close();
});

test("it is low on a phone, and can be seen in the dark", async () => {
  const phone = await openFixed("", {width: 390, height: 800, dark: true});
  await phone.page.getByRole("list", {name: "Legend"}).getByRole("button").first().waitFor();
  const box = (await phone.page.getByRole("region", {name: "CPU over time"}).boundingBox())!;
  assert.ok(box.height <= 124, `${box.height}`);
  assert.ok(await phone.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await picture(phone.page, "timeline-390-dark");
  assert.deepEqual(phone.wrong, []);
  await phone.page.close();
});
