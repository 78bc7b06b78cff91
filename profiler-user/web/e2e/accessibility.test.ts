// Everybody can use it: axe finds nothing in any pane, dark and light, wide and narrow, with what opens open.
//
// A pane that is added to PANES is looked at by itself; what opens in it is a row of OPENED.

import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";
import {join} from "node:path";
import {after, before, test} from "node:test";
import type {AxeResults} from "axe-core";
import type {Browser, Page} from "playwright-core";
import {PANES} from "../src/state/view.ts";
import {VIEWER, program, startAgent, until, type Agent} from "./agent.ts";
import {open, picture, startBrowser, type Look} from "./browser.ts";

const AXE = readFileSync(createRequire(join(VIEWER, "package.json")).resolve("axe-core/axe.min.js"), "utf8");

const LOOKS: readonly Look[] = [{}, {dark: true}, {width: 390}, {dark: true, width: 390}];

/** What is open besides a pane: its name, the address, and what a person does to open it. */
const OPENED: readonly [string, string, (page: Page) => Promise<unknown>][] = [
  ["help", "", (page) => page.keyboard.press("?")],
  ["export", "", (page) => page.getByText("Export", {exact: true}).click()],
  ["nothing to see", "?l.service=nothing-is-called-so", (page) => page.getByText("No CPU was used").waitFor()],
  ["an error", "?from=yesterday", (page) => page.locator(".notice.bad").waitFor()],
  ["a comparison", "?compare=1&bfrom=now-10m&buntil=now-5m", (page) => page.locator("#pane:not(.stale)").waitFor()],
];

let agent: Agent;
let browser: Browser;

before(async () => {
  agent = await startAgent([program("shop.py", [], {SERVICE_NAME: "shop"})]);
  browser = await startBrowser();
  // So that there is something in every pane.
  await until(async () => (await (await fetch(`${agent.url}/flamegraph.folded`)).text()).includes("handle_request"), agent.log);
});

after(async () => {
  await browser?.close();
  await agent?.end();
});

/** What axe finds, in words. */
async function findings(page: Page): Promise<string[]> {
  // As a debugger does it: the page's policy allows no script but its own.
  await page.evaluate(AXE);
  const {violations} = await page.evaluate(() => {
    const {axe} = window as unknown as {axe: {run(): Promise<AxeResults>}};
    return axe.run();
  });
  return violations.map(({id, help, nodes}) => `${id}: ${help}\n${nodes.map((node) => `  ${node.html}\n  ${node.failureSummary}`).join("\n")}`);
}

const name = ({dark = false, width = 1280}: Look) => `${dark ? "dark" : "light"}, ${width} wide`;

for (const look of LOOKS) {
  test(`every pane, ${name(look)}`, async () => {
    const {page, wrong} = await open(browser, agent.url, look);
    await page.locator("#state", {hasText: "live"}).waitFor();
    for (const [at, pane] of PANES.entries()) {
      await page.keyboard.press(String(at + 1));
      await page.locator(`#tab-${pane}[aria-selected=true]`).waitFor();
      await page.locator("#pane:not(.stale)").waitFor();
      assert.deepEqual(await findings(page), [], pane);
      await picture(page, `pane-${pane}-${look.dark ? "dark" : "light"}-${look.width ?? 1280}`);
    }
    assert.deepEqual(wrong, []);
    await page.context().close();
  });

  test(`what opens, ${name(look)}`, async () => {
    for (const [what, address, opens] of OPENED) {
      const {page} = await open(browser, `${agent.url}/${address}`, look);
      await page.locator("#viewer header").waitFor();
      await opens(page);
      assert.deepEqual(await findings(page), [], what);
      await page.context().close();
    }
  });
}

test("the page of the login", async () => {
  for (const look of LOOKS) {
    const {page} = await open(browser, `${agent.url}/healthz`, look);
    // The form as it is, without an agent that asks for a token.
    const form = readFileSync(join(VIEWER, "login.html"), "utf8").replace("{message}", "This is not the token.").replaceAll("{address}", "/");
    await page.route("**/login", (route) => route.fulfill({body: form, contentType: "text/html"}));
    await page.goto(`${agent.url}/login`);
    assert.deepEqual(await findings(page), [], name(look));
    await page.context().close();
  }
});
