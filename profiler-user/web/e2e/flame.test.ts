// The flame graph as a person uses it, and its numbers beside those that the API gives for the same time.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import type {Browser, Locator, Page} from "playwright-core";
import type {ProfileTree} from "../src/api/schema.ts";
import {percent, samples} from "../src/data/numbers.ts";
import {find} from "../src/model/search.ts";
import {pathOf, type Tree} from "../src/model/tree.ts";
import {treeOfProfile} from "../src/model/wire.ts";
import {program, startAgent, until, type Agent} from "./agent.ts";
import {open, picture, startBrowser, type Look, type Opened} from "./browser.ts";

const ROW = 18;
// Other tests may have shops of their own at the same time.
const SHOP = `shop-${process.pid}`;

let agent: Agent;
let browser: Browser;
/** A time that is over. */
let from = 0;
let to = 0;
/** The tree of the answer that the page has last been given for it. */
let tree: Tree;

async function profile(parameters: Record<string, string>): Promise<ProfileTree> {
  const query = new URLSearchParams({query: `{service="${SHOP}"}`, max_nodes: "100000", least_share: "0", ...parameters});
  const answer = await fetch(`${agent.url}/api/v1/profile?${query}`);
  assert.equal(answer.status, 200);
  return await answer.json() as ProfileTree;
}

before(async () => {
  agent = await startAgent([program("shop.py", [], {SERVICE_NAME: SHOP})], ["-F", "99"]);
  browser = await startBrowser();
  // Samples of the last seconds may still be on their way: what is compared is over for longer.
  await until(async () => {
    to = Math.floor(Date.now() / 1000) - 5;
    from = to - 60;
    return (await profile({from: String(from), until: String(to)})).total.samples > 250;
  });
});

after(async () => {
  await browser?.close();
  await agent?.end();
});

/** The page with the profile of that time. What was sampled last may still be on its way to the agent, so the numbers to
 *  compare with are those of the very answer that the page has. */
async function still(parameters: Record<string, string> = {}, look: Look = {}): Promise<Opened> {
  const query = new URLSearchParams({from: String(from), until: String(to), "l.service": SHOP, ...parameters});
  const opened = await open(browser, `${agent.url}/?${query}`, look);
  await flame(opened.page).waitFor();
  if (parameters.compare) return opened;
  const answered = opened.page.waitForResponse((response) => new URL(response.url()).pathname === "/api/v1/profile");
  await opened.page.reload();
  tree = treeOfProfile(await (await answered).json() as ProfileTree);
  return opened;
}

const flame = (page: Page): Locator => page.getByRole("application", {name: "Flame graph"});
const tip = (page: Page): Locator => page.getByRole("tooltip");
const crumbs = (page: Page): Locator => page.getByRole("navigation", {name: "Zoom"}).getByRole("listitem");

/** The only node of a function. */
function nodeOf(of: Tree, name: string): number {
  const nodes = Array.from(of.frame.keys()).filter((node) => of.frames[of.frame[node]!]?.name === name);
  assert.equal(nodes.length, 1, name);
  return nodes[0]!;
}

/** Where a node is on the page, zoomed to another. */
async function middle(page: Page, of: Tree, node: number, zoomed = 0): Promise<{x: number; y: number}> {
  await flame(page).waitFor();
  const box = (await flame(page).boundingBox())!;
  const left = (of.start[node]! + of.width[node]! / 2 - of.start[zoomed]!) / of.width[zoomed]!;
  return {x: box.x + left * box.width, y: box.y + ROW * (of.depth[node]! + 0.5)};
}

async function hover(page: Page, node: number): Promise<string> {
  const {x, y} = await middle(page, tree, node);
  await page.mouse.move(x, y);
  await tip(page).waitFor();
  return await tip(page).innerText();
}

/** The value of a line of details. */
async function value(page: Page, name: string): Promise<string> {
  return await tip(page).locator("dt", {hasText: new RegExp(`^${name}$`)}).locator("xpath=../dd").innerText();
}

test("details have the API's numbers", async () => {
  const {page, wrong} = await still();
  const node = nodeOf(tree, "price_order");
  await hover(page, node);
  assert.equal(await tip(page).locator("strong").innerText(), "price_order");
  assert.equal(await value(page, "samples"), samples(tree.total[node]!).replace(/ .*/, ""));
  assert.equal(await value(page, "of total"), percent(tree.total[node]! / tree.total[0]!));
  assert.equal(await value(page, "of caller"), percent(tree.total[node]! / tree.total[tree.parent[node]!]!));
  const seconds = tree.total[node]! * tree.secondsPerSample;
  assert.equal(await value(page, "CPU time"), `${seconds.toFixed(2)} s`);
  assert.match(await value(page, "file"), /programs\/shop\.py$/);
  await picture(page, "flame");
  // Inside of the window, also at its corner.
  const box = (await flame(page).boundingBox())!;
  await page.mouse.move(box.x + box.width - 2, box.y + 5);
  await until(async () => (await tip(page).locator("strong").innerText()) === "all");
  const place = (await tip(page).boundingBox())!;
  assert.ok(place.x >= 0 && place.x + place.width <= 1280, JSON.stringify(place));
  await page.mouse.move(box.x + box.width - 2, box.y - 60);
  await tip(page).waitFor({state: "hidden"});
  assert.deepEqual(wrong, []);
});

test("a click zooms, the breadcrumbs and the browser lead back", async () => {
  const {page, wrong} = await still();
  const [outer, inner] = [nodeOf(tree, "handle_request"), nodeOf(tree, "price_order")];
  const first = await middle(page, tree, outer);
  await page.mouse.click(first.x, first.y);
  await until(async () => (await crumbs(page).count()) === 1 + tree.depth[outer]!);
  // What was zoomed to is as wide as the picture now, so its callee is elsewhere.
  const second = await middle(page, tree, inner, outer);
  await page.mouse.move(second.x, second.y);
  await until(async () => (await tip(page).locator("strong").innerText()) === "price_order");
  assert.equal(await value(page, "of the zoomed box"), percent(tree.total[inner]! / tree.total[outer]!));
  await page.mouse.click(second.x, second.y);
  await until(async () => (await crumbs(page).last().innerText()).includes("price_order"));
  assert.deepEqual(new URL(page.url()).searchParams.getAll("z"), pathOf(tree, inner));
  await picture(page, "flame-zoomed");
  await crumbs(page).nth(tree.depth[outer]!).getByRole("button").click();
  await until(async () => (await crumbs(page).last().innerText()).includes("handle_request"));
  await page.goBack();
  await until(async () => (await crumbs(page).last().innerText()).includes("price_order"));
  await crumbs(page).first().getByRole("button").click();
  await until(async () => (await crumbs(page).count()) === 1);
  assert.deepEqual(wrong, []);
});

test("a search says its share, each sample counted once", async () => {
  const {page, wrong} = await still();
  await flame(page).waitFor();
  const said = page.locator("search").getByRole("status");
  await page.keyboard.press("/");
  await page.keyboard.type("recurse|burn");
  const found = find(tree, /recurse|burn/i);
  assert.ok(found.nodes.length > 6);
  await until(async () => (await said.innerText()) === `${percent(found.total / tree.total[0]!)} in ${found.nodes.length} boxes`);
  await picture(page, "flame-search");
  const details = page.getByRole("region", {name: "Details"});
  for (const step of ["Enter", "Enter", "Shift+Enter"]) await page.keyboard.press(step);
  const at = tree.frames[tree.frame[found.nodes[0]!]!]!;
  await until(async () => (await details.locator("strong").innerText()) === at.name);
  await page.keyboard.press("Control+A");
  await page.keyboard.type("(unclosed");
  await until(async () => /^No regular expression: .*unclosed/.test(await said.innerText()));
  await page.keyboard.press("Control+A");
  await page.keyboard.type("nothing_has_this_name");
  await until(async () => (await said.innerText()) === "Nothing matches");
  assert.deepEqual(wrong, []);
});

test("frames can be left out, recursion collapsed, lines told apart", async () => {
  const {page, wrong} = await still({search: "threading\\.py"});
  await flame(page).waitFor();
  const said = page.locator("search").getByRole("status");
  await until(async () => / in \d/.test(await said.innerText()));
  // What is zoomed to stays, though its callers are left out.
  const target = nodeOf(tree, "collect_garbage");
  const click = await middle(page, tree, target);
  await page.mouse.click(click.x, click.y);
  await until(async () => (await crumbs(page).count()) === 1 + tree.depth[target]!);
  await page.getByText("Hide", {exact: true}).click();
  await page.getByLabel("standard library").check();
  await until(async () => (await said.innerText()) === "Nothing matches");
  assert.match(await crumbs(page).last().innerText(), /collect_garbage/);
  assert.ok((await crumbs(page).count()) < 1 + tree.depth[target]!);
  await picture(page, "flame-hidden");
  await page.keyboard.press("Escape");
  await page.getByRole("searchbox").fill("recurse");
  const recursions = Array.from(tree.frame).filter((frame) => tree.frames[frame]?.name === "recurse").length;
  const share = percent(find(tree, /recurse/).total / tree.total[0]!);
  await until(async () => (await said.innerText()) === `${share} in ${recursions} boxes`);
  await page.getByRole("button", {name: "Collapse recursion"}).click();
  await until(async () => (await said.innerText()) === `${share} in 1 box`);
  // The same in the table: functions of the standard library are not in it.
  await page.getByRole("tab", {name: "Top"}).click();
  await page.getByText(/^1 of \d+ functions$/).waitFor();
  assert.equal(await page.locator(".top-pane summary").innerText(), "Hidden: standard library");
  await page.getByRole("searchbox").fill("threading\\.py");
  await page.getByText(/^0 of \d+ functions$/).waitFor();
  await page.locator(".top-pane summary").click();
  await page.getByLabel("standard library").uncheck();
  await page.getByText(/^[1-9]\d* of \d+ functions$/).waitFor();
  await page.getByRole("tab", {name: "Flame graph"}).click();
  await page.getByRole("button", {name: "Line", exact: true}).click();
  await page.getByRole("searchbox").fill("recurse .*shop.py:\\d+");
  await until(async () => (await said.innerText()).startsWith(share));
  assert.deepEqual(wrong, []);
});

test("all of it by keyboard", async () => {
  const {page, wrong} = await still();
  await flame(page).focus();
  const said = flame(page).locator("[aria-live]");
  const heard = (name: string) => until(async () => (await said.textContent())!.startsWith(`${name}: `), () => name);
  await page.keyboard.press("Home");
  await heard("all");
  assert.match((await said.textContent())!, new RegExp(`samples ${tree.total[0]!.toLocaleString("en")};`));
  // Down is to the callee that uses most.
  const way: string[] = [];
  for (let node = 0; node + 1 < tree.end[node]!;) {
    let widest = node + 1;
    for (let child = widest; child < tree.end[node]!; child = tree.end[child]!) if (tree.width[child]! > tree.width[widest]!) widest = child;
    way.push(tree.frames[tree.frame[widest]!]!.name);
    node = widest;
  }
  for (const name of way.slice(0, 4)) {
    await page.keyboard.press("ArrowDown");
    await heard(name);
  }
  await tip(page).waitFor();
  await picture(page, "flame-keys");
  await page.keyboard.press("ArrowUp");
  await heard(way[2]!);
  await page.keyboard.press("Enter");
  await until(async () => (await crumbs(page).count()) === 4);
  await page.keyboard.press("Backspace");
  await until(async () => (await crumbs(page).count()) === 3);
  await page.keyboard.press("Escape");
  await until(async () => (await crumbs(page).count()) === 1);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press(" ");
  await until(() => new URL(page.url()).searchParams.has("chosen"));
  await page.keyboard.press("i");
  await until(() => new URL(page.url()).searchParams.get("icicle") === "0");
  await picture(page, "flame-upright");
  assert.deepEqual(wrong, []);
});

test("wheel and drag look closer, Escape leads back", async () => {
  const {page, wrong} = await still();
  const node = nodeOf(tree, "price_order");
  const {x, y} = await middle(page, tree, node);
  await page.mouse.move(x, y);
  await page.keyboard.down("Control");
  for (let i = 0; i < 14; i++) await page.mouse.wheel(0, -100);
  await page.keyboard.up("Control");
  // Looked at so closely, the box under the pointer is all that there is.
  const box = (await flame(page).boundingBox())!;
  const title = async (at: number) => {
    await page.mouse.move(at, y);
    await tip(page).waitFor();
    return await tip(page).locator("strong").innerText();
  };
  await until(async () => (await title(box.x + 3)) === "price_order" && (await title(box.x + box.width - 3)) === "price_order");
  let drags = 0;
  do {
    await page.mouse.move(box.x + 100, y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 10, y, {steps: 3});
    await page.mouse.up();
  } while ((await title(box.x + 3)) === "price_order" && ++drags < 20);
  assert.notEqual(await title(box.x + 3), "price_order");
  assert.equal(await crumbs(page).count(), 1, "a drag is no click");
  // Where one looks is in the address, too, and loaded again it is what is seen.
  await until(() => new URL(page.url()).searchParams.has("near"));
  const seen = [await title(box.x + 3), await title(box.x + box.width / 2), await title(box.x + box.width - 3)];
  const address = page.url();
  await page.reload();
  await flame(page).waitFor();
  await until(async () => (await title(box.x + 3)) === seen[0]);
  assert.deepEqual([await title(box.x + 3), await title(box.x + box.width / 2), await title(box.x + box.width - 3)], seen);
  assert.equal(page.url(), address);
  await flame(page).focus();
  await page.keyboard.press("Escape");
  await until(async () => (await title(x)) === "price_order" && (await title(box.x + 1)) !== "price_order");
  await until(() => !new URL(page.url()).searchParams.has("near"));
  assert.deepEqual(wrong, []);
});

test("only the stacks with a function are left, in the picture and in the table", async () => {
  // By total, what is looked for is among the rows that are in the page.
  const {page, wrong} = await still({sort: "total"});
  const click = await middle(page, tree, nodeOf(tree, "find_endpoint"));
  await page.mouse.click(click.x, click.y);
  await page.getByRole("button", {name: "Only stacks with this"}).click();
  const share = percent(tree.total[nodeOf(tree, "find_endpoint")]! / tree.total[0]!);
  await page.getByText(new RegExp(`^Only stacks with find_endpoint .*: ${share} of all$`)).waitFor();
  assert.match(new URL(page.url()).searchParams.get("only")!, /^find_endpoint \(.*shop\.py\)$/);
  await picture(page, "flame-only");
  // What is exported is what is seen.
  const link = await page.getByRole("link", {name: "Folded stacks", includeHidden: true}).getAttribute("href");
  const stacks = (await (await fetch(new URL(link!, agent.url))).text()).trim().split("\n");
  assert.ok(stacks.every((stack) => stack.includes(";find_endpoint (")), stacks.join("\n"));
  const sum = stacks.reduce((samples, stack) => samples + Number(/\d+$/.exec(stack)![0]), 0);
  assert.equal(sum, tree.total[nodeOf(tree, "find_endpoint")]!);
  await page.keyboard.press("2");
  const rows = page.locator(".grid .room .row .name .text");
  await rows.first().waitFor();
  const names = new Set(await rows.allInnerTexts());
  assert.ok(["find_endpoint", "burn", "handle_request"].every((name) => names.has(name)), [...names].join());
  assert.ok(!["price_order", "recurse", "collect_garbage"].some((name) => names.has(name)), [...names].join());
  await picture(page, "top-only");
  await page.getByRole("button", {name: "All stacks"}).click();
  await page.locator(".grid .room .row .name .text", {hasText: /^price_order$/}).waitFor();
  assert.equal(new URL(page.url()).searchParams.get("only"), null);
  assert.deepEqual(wrong, []);
});

test("live, the zoom stays and the numbers move", async () => {
  const {page, wrong} = await open(browser, `${agent.url}/?l.service=${SHOP}`, {dark: true});
  await page.getByText("live", {exact: true}).waitFor();
  await page.getByRole("searchbox").fill("^price_order");
  await until(async () => / in \d+ box/.test(await page.locator("search").getByRole("status").innerText()));
  await page.keyboard.press("Enter");
  const details = page.getByRole("region", {name: "Details"});
  await until(async () => (await details.locator("strong").innerText()) === "price_order");
  await flame(page).focus();
  await page.keyboard.press("Enter");
  await until(async () => (await crumbs(page).last().innerText()).includes("price_order"));
  const count = () => details.locator("dd").first().innerText();
  const first = await count();
  await until(async () => (await count()) !== first);
  assert.match(await crumbs(page).last().innerText(), /price_order/);
  assert.equal(await details.locator("strong").innerText(), "price_order");
  await picture(page, "flame-live-dark");
  assert.deepEqual(wrong, []);
});

test("on a phone the first tap shows details, the second one zooms", async () => {
  const {page, wrong} = await still({}, {width: 390, height: 780});
  const touch = await page.context().newCDPSession(page);
  await touch.send("Emulation.setTouchEmulationEnabled", {enabled: true, maxTouchPoints: 1});
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname === "/api/v1/profile");
  await page.reload();
  tree = treeOfProfile(await (await answered).json() as ProfileTree);
  const node = nodeOf(tree, "handle_request");
  const tap = async () => {
    const box = (await flame(page).boundingBox())!;
    const left = (tree.start[node]! + tree.width[node]! / 2) / tree.width[0]!;
    const row = await page.evaluate(() => (matchMedia("(pointer: coarse)").matches ? 24 : 18));
    const point = {x: box.x + left * box.width, y: box.y + row * (tree.depth[node]! + 0.5)};
    await touch.send("Input.dispatchTouchEvent", {type: "touchStart", touchPoints: [point]});
    await touch.send("Input.dispatchTouchEvent", {type: "touchEnd", touchPoints: []});
  };
  await flame(page).waitFor();
  await tap();
  const details = page.getByRole("region", {name: "Details"});
  await until(async () => (await details.locator("strong").innerText()) === "handle_request");
  assert.equal(await crumbs(page).count(), 1);
  await picture(page, "flame-phone");
  await tap();
  await until(async () => (await crumbs(page).last().innerText()).includes("handle_request"));
  await details.getByRole("button", {name: "Callers and callees"}).click();
  await until(() => new URL(page.url()).searchParams.get("pane") === "sandwich");
  assert.match(new URL(page.url()).searchParams.get("chosen")!, /^handle_request \(/);
  assert.deepEqual(wrong, []);
});

test("a comparison says before, after and change", async () => {
  const half = Math.floor((from + to) / 2);
  const {page, wrong} = await still({
    from: String(half), compare: "1", bfrom: String(from), buntil: String(half), "b.service": SHOP,
  });
  await flame(page).focus();
  await page.keyboard.press("Home");
  await tip(page).waitFor();
  assert.match(await value(page, "before"), /, 100\.0 % of total$|^0 s/);
  await page.keyboard.press("ArrowDown");
  await until(async () => (await tip(page).locator("strong").innerText()) !== "all");
  assert.match(await value(page, "change"), /points of total$/);
  await picture(page, "flame-difference");
  assert.deepEqual(wrong, []);
});
