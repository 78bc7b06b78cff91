// The table, the sandwich, filters, comparison, processes and reasons, as a person uses them, against what the API says.

import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import {after, before, test} from "node:test";
import type {Browser, Page} from "playwright-core";
import type {Amount, Difference, Processes, ProfileTree, TopFunctions} from "../src/api/schema.ts";
import {cpu} from "../src/data/numbers.ts";
import {signedCpu} from "../src/panels/bars.tsx";
import {program, startAgent, until, type Agent} from "./agent.ts";
import {open, picture, startBrowser} from "./browser.ts";

let agent: Agent;
let browser: Browser;
/** A range that is over: what is asked of it stays the same. */
let range: {from: string; until: string};

// Other programs of the machine are seen too: names that no other has.
const [SHOP_NAME, DEAR_NAME] = [`shop-${process.pid}`, `dear-${process.pid}`];
const SHOP = `{service="${SHOP_NAME}"}`;

async function api<Answer>(path: string, parameters: Record<string, string>): Promise<Answer> {
  const answer = await fetch(`${agent.url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json() as Promise<Answer>;
}

const address = (parameters: Record<string, string>) => `${agent.url}/?${new URLSearchParams({...range, ...parameters})}`;
const query = (page: Page) => new URL(page.url()).searchParams;
const rows = (page: Page) => page.locator(".grid .room .row");
/** A row by its function. */
const row = (page: Page, name: string) => rows(page).filter({has: page.locator(".name .text", {hasText: new RegExp(`^${name}$`)})});
const cell = (page: Page, name: string, column: string) => row(page, name).locator(`.cell.${column}`).first().innerText();

before(async () => {
  agent = await startAgent([
    program("shop.py", ["--no-bursts"], {SERVICE_NAME: SHOP_NAME}),
    program("shop.py", ["--no-bursts", "--dear"], {SERVICE_NAME: DEAR_NAME}),
  ]);
  browser = await startBrowser();
  const start = Math.floor(Date.now() / 1000) + 1;
  // As long as it takes until there is something to count: the machine may be busy with other things.
  const enough = async () => {
    // Samples of the last seconds may still be on their way.
    const end = Math.floor(Date.now() / 1000) - 5;
    if (end < start + 10) return false;
    range = {from: String(start), until: String(end)};
    for (const service of [SHOP_NAME, DEAR_NAME]) {
      const {total} = await api<ProfileTree>("profile", {...range, query: `{service="${service}"}`});
      if (total.samples < 60) return false;
    }
    return true;
  };
  await until(enough, () => agent.log());
});

after(async () => {
  await browser?.close();
  await agent?.end();
});

test("the table says what the API says, sorts, searches and is used by keys", async () => {
  const top = await api<TopFunctions>("top", {...range, query: SHOP, limit: "1000"});
  const {page, wrong} = await open(browser, address({pane: "top", "l.service": SHOP_NAME}));
  await rows(page).first().waitFor();
  assert.equal(await page.locator("#search-said").innerText(), `${top.functions.length} functions`);
  assert.equal(await page.getByRole("grid").getAttribute("aria-rowcount"), String(top.functions.length + 1));
  for (const name of ["burn", "price_order", "recurse", "<module>"]) {
    const {self, total} = top.functions.find(({frame}) => frame.name === name)!;
    assert.equal(await cell(page, name, "selfsamples"), self.samples.toLocaleString("en"));
    assert.equal(await cell(page, name, "totalsamples"), total.samples.toLocaleString("en"));
    const share = (100 * total.samples) / top.total.samples;
    assert.equal(await cell(page, name, "total"), `${share.toFixed(share < 10 ? 2 : 1)} %`);
  }
  const numbers = () => rows(page).locator(".totalsamples").allInnerTexts();
  const sorted = async () => (await numbers()).map((text) => Number(text.replaceAll(",", "")));
  await page.locator("[role=columnheader].total button").click();
  await page.locator('[role=columnheader][aria-sort="descending"].total').waitFor();
  assert.deepEqual(await sorted(), (await sorted()).toSorted((a, b) => b - a));
  assert.equal(query(page).get("sort"), "total");
  await page.keyboard.press("Enter");
  await page.locator('[role=columnheader][aria-sort="ascending"].total').waitFor();
  assert.deepEqual(await sorted(), (await sorted()).toSorted((a, b) => a - b));
  await page.goBack();
  await page.locator('[role=columnheader][aria-sort="descending"].total').waitFor();

  await page.keyboard.press("/");
  await page.keyboard.type("ORDER|recurse");
  await page.getByText(/^2 of \d+ functions$/).waitFor();
  assert.deepEqual((await rows(page).locator(".name .text").allInnerTexts()).sort(), ["price_order", "recurse"]);
  await page.keyboard.type("(");
  await page.getByText("No regular expression: Unterminated group").waitFor();
  assert.equal(await page.getByRole("searchbox").getAttribute("aria-invalid"), "true");
  await page.keyboard.press("Backspace");
  await page.getByText(/^2 of \d+ functions$/).waitFor();

  await page.keyboard.press("ArrowDown");
  await page.locator("#top:focus").waitFor();
  const meant = () => page.locator(".row.cursor .name .text").innerText();
  await page.keyboard.press("End");
  const last = await meant();
  await page.keyboard.press("Home");
  const first = await meant();
  assert.deepEqual([first, last].sort(), ["price_order", "recurse"]);
  assert.equal(await page.locator("#top").getAttribute("aria-activedescendant"), "top-0");
  await page.keyboard.press("Enter");
  await page.locator('.row[aria-selected="true"]').waitFor();
  assert.ok(query(page).get("chosen")!.startsWith(`${first} (`));
  await picture(page, "top-light");
  await page.keyboard.press("s");
  await page.getByRole("heading", {name: first, exact: true}).waitFor();
  assert.equal(query(page).get("pane"), "sandwich");
  assert.deepEqual(wrong, []);
});

test("the sandwich is of the function that is chosen from the list", async () => {
  const top = await api<TopFunctions>("top", {...range, query: SHOP, limit: "1000"});
  const {total, self} = top.functions.find(({frame}) => frame.name === "burn")!;
  const {page, wrong} = await open(browser, address({pane: "sandwich", "l.service": SHOP_NAME}));
  await page.getByRole("combobox", {name: "Function"}).click();
  await page.keyboard.type("burn shop.py");
  await page.locator("[role=option]").first().waitFor();
  assert.equal(await page.locator("[role=option]").count(), 1);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", {name: "burn"}).waitFor();
  const said = await page.locator(".sandwich-pane .tools").innerText();
  const amount = ({cpu_seconds}: Amount) => `${cpu_seconds.toFixed(2)} s`;
  assert.ok(said.includes(`total ${amount(total)}`) && said.includes(`self ${amount(self)}`), said);
  for (const name of ["Callers", "Callees"]) await page.getByRole("heading", {name}).waitFor();
  await picture(page, "sandwich");
  // Each half has a zoom of its own, and it is in the address.
  for (const [half, key, name] of [["Callers", "ArrowUp", "up"], ["Callees", "ArrowDown", "down"]] as const) {
    const picture = page.getByRole("application", {name: half});
    await picture.focus();
    await page.keyboard.press("Home");
    await page.keyboard.press(key);
    await page.keyboard.press("Enter");
    await page.waitForURL((url) => url.searchParams.getAll(name).length === 1);
  }
  await page.reload();
  await page.getByRole("application", {name: "Callees"}).focus();
  await page.keyboard.press("Escape");
  await page.waitForURL((url) => !url.searchParams.has("down"));
  assert.equal(new URL(page.url()).searchParams.getAll("up").length, 1);
  for (let i = 0; i < 3; i++) await page.goBack();
  await page.waitForURL((url) => !url.searchParams.has("up"));
  await page.getByRole("button", {name: "Another function"}).click();
  await page.keyboard.type("price_order");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", {name: "price_order"}).waitFor();
  await page.goBack();
  await page.getByRole("heading", {name: "burn"}).waitFor();
  await page.getByRole("button", {name: "Source"}).click();
  await page.getByRole("grid", {name: "Lines"}).waitFor();
  assert.ok(query(page).get("file")!.endsWith("shop.py"));
  assert.deepEqual(wrong.filter((text) => !text.includes("Failed to load resource")), []);
});

test("filters are added and removed by keys, with what each value uses", async () => {
  const values = await api<{values: (Amount & {value: string})[]}>("labels/service/values", {...range, limit: "1000"});
  const {page, wrong} = await open(browser, address({pane: "top"}));
  await page.getByRole("button", {name: "+ filter"}).press("Enter");
  await page.getByRole("combobox", {name: "Label"}).waitFor();
  await page.keyboard.type("serv");
  await page.locator("[role=option]", {hasText: "service"}).first().waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("combobox", {name: "Values of service"}).waitFor();
  for (const service of [SHOP_NAME, DEAR_NAME]) {
    const option = page.locator("[role=option]").filter({has: page.locator(".text", {hasText: new RegExp(`^${service}$`)})});
    await option.waitFor();
    const {cpu_seconds} = values.values.find(({value}) => value === service)!;
    assert.ok((await option.innerText()).includes(`${cpu_seconds.toFixed(2)} s`), await option.innerText());
  }
  await page.keyboard.type(DEAR_NAME);
  await page.keyboard.press("Enter");
  await page.getByRole("button", {name: `Remove service=${DEAR_NAME}`}).waitFor();
  await page.locator('[role=option][aria-selected="true"]').waitFor();
  await picture(page, "filters");
  // The first Escape takes back what was typed, the next one closes.
  await page.keyboard.press("Escape");
  const shop = page.locator("[role=option]").filter({has: page.locator(".text", {hasText: new RegExp(`^${SHOP_NAME}$`)})});
  await shop.click();
  await page.getByRole("button", {name: `Remove service=${SHOP_NAME}`}).waitFor();
  assert.deepEqual(query(page).getAll("l.service"), [DEAR_NAME, SHOP_NAME]);
  await page.keyboard.press("Escape");
  await page.locator(".filter-side .add:focus").waitFor();
  await page.getByRole("button", {name: `Remove service=${DEAR_NAME}`}).press("Enter");
  const top = await api<TopFunctions>("top", {...range, query: SHOP, limit: "1000"});
  const burn = top.functions.find(({frame}) => frame.name === "burn")!;
  await row(page, "burn").locator(".selfsamples", {hasText: new RegExp(`^${burn.self.samples}$`)}).waitFor();
  assert.deepEqual(query(page).getAll("l.service"), [SHOP_NAME]);
  assert.deepEqual(wrong, []);
});

test("two services are compared: filters for each side, what changed, normalised or not", async () => {
  const sides = {left_from: range.from, left_until: range.until, right_from: range.from, right_until: range.until, left_query: SHOP, right_query: `{service="${DEAR_NAME}"}`};
  const {page, wrong} = await open(browser, address({pane: "top", "l.service": DEAR_NAME}));
  await rows(page).first().waitFor();
  await page.keyboard.press("c");
  await page.getByText("Both sides are the same").waitFor();
  const side = page.getByRole("group", {name: "Filters, before"});
  await side.getByRole("button", {name: "service ="}).click();
  await page.locator("[role=option]").filter({has: page.locator(".text", {hasText: new RegExp(`^${SHOP_NAME}$`)})}).click();
  await side.getByRole("button", {name: `Remove service=${DEAR_NAME}`}).click();
  await page.keyboard.press("Escape");
  assert.deepEqual([query(page).getAll("b.service"), query(page).getAll("l.service")], [[SHOP_NAME], [DEAR_NAME]]);
  for (const normalise of [true, false]) {
    const difference = await api<Difference>("diff", {...sides, normalise: normalise ? "1" : "0", limit: "1000"});
    const changed = difference.functions.filter(({change}) => change !== 0).slice(0, 5);
    assert.ok(changed.length > 0);
    for (const {frame, change} of changed) {
      const {name} = difference.frames[frame]!;
      await row(page, name).locator(".change .said").filter({hasText: signedCpu(change)}).first().waitFor();
    }
    assert.equal(await rows(page).first().locator(".cell.change").innerText(), signedCpu(changed[0]!.change));
    await page.locator(".reasons summary").getByText(/^All attributed, on both sides\.$|not attributed before, .* after\.$/).waitFor();
    const bar = await page.getByRole("region", {name: "Comparison"}).innerText();
    assert.ok(bar.includes(`${difference.left.total.samples} samples`) && bar.includes(`${difference.right.total.samples} samples`), bar);
    if (normalise) {
      assert.notEqual(difference.left_factor, 1);
      assert.ok(bar.includes(`before × ${difference.left_factor.toPrecision(3)}`), bar);
      await picture(page, "compare");
      await page.getByRole("checkbox", {name: "normalise"}).click();
    } else assert.ok(!bar.includes("before ×"), bar);
  }
  await side.getByRole("button", {name: `Remove service=${SHOP_NAME}`}).click();
  await side.getByText("everything").waitFor();
  assert.equal(query(page).get("ball"), "1");
  await side.getByRole("button", {name: "as after"}).click();
  await side.getByText("as after").waitFor();
  assert.equal(query(page).has("ball"), false);
  await page.getByRole("combobox", {name: "Before is"}).selectOption({label: "1 hour earlier"});
  const before = {from: query(page).get("bfrom"), until: query(page).get("buntil")};
  assert.deepEqual(before, {from: String(Number(range.from) - 3600), until: String(Number(range.until) - 3600)});
  assert.deepEqual(wrong, []);
});

test("processes are a tree, with their CPU, and one is chosen by its row", async () => {
  const {page, wrong} = await open(browser, address({pane: "processes"}));
  await page.getByRole("treegrid").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type(DEAR_NAME);
  await until(async () => (await page.locator(`.row:has(.service:text-is("${DEAR_NAME}"))`).count()) === 1);
  const {processes} = await api<Processes>("processes", {});
  const dear = processes.find(({service}) => service === DEAR_NAME)!;
  const shown = page.locator(`.row:has(.service:text-is("${DEAR_NAME}"))`);
  assert.equal(await shown.locator(".pid").innerText(), String(dear.pid));
  assert.equal(await shown.locator(".python").innerText(), dear.python_version);
  assert.equal(await shown.locator(".state").innerText(), "profiled");
  assert.equal(await shown.getAttribute("aria-level"), String(await levelOf(dear.pid, processes)));
  assert.equal(await shown.locator("polyline").count(), 1);
  await picture(page, "processes");
  await page.getByRole("treegrid").focus();
  await page.keyboard.press("End");
  await page.locator(`.row.cursor:has(.service:text-is("${DEAR_NAME}"))`).waitFor();
  await page.keyboard.press("Enter");
  await page.locator('.row[aria-selected="true"]').waitFor();
  assert.deepEqual(query(page).getAll("l.pid"), [String(dear.pid)]);
  // To its parent, if there is one, which closes over it.
  if (Number(await shown.getAttribute("aria-level")) > 1) {
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await page.locator('.row.cursor[aria-expanded="false"]').waitFor();
    assert.equal(await shown.count(), 0);
    await page.keyboard.press("ArrowRight");
    await shown.waitFor();
  }
  await page.getByRole("tab", {name: "Top"}).click();
  const of = await api<TopFunctions>("top", {...range, query: `{pid="${dear.pid}"}`, limit: "1000"});
  const price = of.functions.find(({frame}) => frame.name === "price_order")!;
  await page.getByRole("searchbox").fill("price");
  await row(page, "price_order").locator(".totalsamples", {hasText: new RegExp(`^${price.total.samples}$`)}).waitFor();
  assert.deepEqual(wrong, []);
});

async function levelOf(pid: number, processes: Processes["processes"]): Promise<number> {
  const parent = processes.find((process) => process.pid === pid)?.parent_pid;
  return parent && processes.some((process) => process.pid === parent) ? 1 + (await levelOf(parent, processes)) : 1;
}

test("what is not attributed is said, with its reasons", async () => {
  const all = await api<ProfileTree>("profile", range);
  const {page, wrong} = await open(browser, address({pane: "top"}));
  await rows(page).first().waitFor();
  const line = page.locator(".reasons");
  const {samples, reasons} = all.unattributed;
  if (samples === 0) await line.getByText(`All of ${all.total.samples.toLocaleString("en")} samples attributed.`).waitFor();
  else {
    const share = (100 * samples) / all.total.samples;
    await line.getByText(`${share.toFixed(share < 10 ? 2 : 1)} % of ${all.total.samples.toLocaleString("en")} samples not attributed`).waitFor();
    await line.locator("summary").press("Enter");
    assert.deepEqual(await line.locator("tbody th").allInnerTexts(), reasons.map(({text}) => text));
    assert.deepEqual(await line.locator("tbody td:nth-child(3)").allInnerTexts(), reasons.map((reason) => reason.samples.toLocaleString("en")));
  }
  const own = await open(browser, address({pane: "top", "l.service": SHOP_NAME}));
  const shop = await api<ProfileTree>("profile", {...range, query: SHOP});
  if (shop.unattributed.samples === 0) await own.page.locator(".reasons .good").waitFor();
  assert.deepEqual([wrong, own.wrong], [[], []]);
});

test("the source has what its lines use, and is read where the process sees it", async () => {
  const profile = await api<ProfileTree>("profile", {...range, query: SHOP, lines: "1"});
  const file = profile.frames.find(({name}) => name === "price_order")!.file!;
  // Self of each line, counted by hand from the API's nodes.
  const self = new Map<number, number>();
  profile.nodes.frame.forEach((index, node) => {
    const frame = index === null ? null : profile.frames[index]!;
    if (frame?.file === file) self.set(frame.line!, (self.get(frame.line!) ?? 0) + profile.nodes.self[node]!);
  });
  const [hottest, count] = [...self].reduce((most, one) => (one[1] > most[1] ? one : most));
  const {page, wrong} = await open(browser, address({pane: "source", "l.service": SHOP_NAME}));
  await page.getByRole("combobox", {name: "File"}).click();
  await page.keyboard.type("shop.py");
  await page.locator("[role=option]", {hasText: "shop.py"}).first().waitFor();
  await page.keyboard.press("Enter");
  const line = (number: number) => rows(page).filter({has: page.locator(".line", {hasText: new RegExp(`^${number}$`)})});
  const text = readFileSync(file, "utf8").split("\n");
  await line(hottest).locator(".text", {hasText: text[hottest - 1]!.trim()}).waitFor();
  assert.equal(query(page).get("file"), file);
  const seconds = (count * profile.total.cpu_seconds) / profile.total.samples;
  assert.equal(await line(hottest).locator(".self").innerText(), cpu(seconds));
  assert.equal(await line(hottest).locator(".text").textContent(), text[hottest - 1]);
  assert.equal(await page.getByRole("grid", {name: "Lines"}).getAttribute("aria-rowcount"), String(text.length + 1));
  // From the top, by keys: each line with samples, then the hottest one.
  await page.getByRole("grid", {name: "Lines"}).focus();
  await page.keyboard.press("Home");
  const used = [...new Set(profile.frames.filter((frame) => frame.file === file).map((frame) => frame.line!))].sort((a, b) => a - b);
  for (const number of used.slice(0, 3)) {
    await page.keyboard.press("n");
    await page.locator(".row.cursor .line", {hasText: new RegExp(`^${number}$`)}).waitFor();
  }
  await page.keyboard.press("p");
  await page.locator(".row.cursor .line", {hasText: new RegExp(`^${used[1]}$`)}).waitFor();
  await page.keyboard.press("h");
  await page.locator(".row.cursor .line", {hasText: new RegExp(`^${hottest}$`)}).waitFor();
  await page.getByRole("navigation", {name: "Functions of the file"}).getByRole("button", {name: "price_order"}).click();
  const first = profile.frames.find(({name}) => name === "price_order")!.first_line!;
  await page.locator(".row.cursor .line", {hasText: new RegExp(`^${first}$`)}).waitFor();
  await picture(page, "source");
  assert.deepEqual(wrong, []);
});
