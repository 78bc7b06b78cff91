// A real browser, which tells all that went wrong on a page.

import {mkdirSync} from "node:fs";
import {join} from "node:path";
import {chromium, type Browser, type BrowserContext, type Page} from "playwright-core";
import {VIEWER} from "./agent.ts";

const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

export function startBrowser(): Promise<Browser> {
  return chromium.launch({executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: ARGUMENTS});
}

export interface Opened {
  page: Page;
  /** Errors of scripts, of the console, broken security policy, and requests to other places: there must be none. */
  wrong: string[];
}

export interface Look {
  dark?: boolean;
  width?: number;
  height?: number;
}

export async function open(browser: Browser, url: string, {dark = false, width = 1280, height = 800}: Look = {}): Promise<Opened> {
  const context = await browser.newContext({viewport: {width, height}, colorScheme: dark ? "dark" : "light", acceptDownloads: true});
  const page = await context.newPage();
  const wrong: string[] = [];
  const origin = new URL(url).origin;
  page.on("pageerror", (error) => wrong.push(`error: ${error.stack ?? error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const to = request.url();
    if (!to.startsWith(origin) && !to.startsWith("data:") && !to.startsWith("blob:")) wrong.push(`request to ${to}`);
  });
  if (process.env.FRESH) await serveFresh(context);
  await page.goto(url);
  return {page, wrong};
}

/** What the browser says when it can't reach the agent, or is refused: where a test sees to that, it is not wrong. */
export function besidesRefusals(wrong: readonly string[]): string[] {
  return wrong.filter((text) => !/^console: Failed to load resource: (net::ERR_|the server responded)/.test(text));
}

/** While the viewer is worked on: what was built last, rather than what the agent has inside. */
async function serveFresh(context: BrowserContext): Promise<void> {
  for (const file of ["viewer.js", "viewer.css"]) {
    const contentType = file.endsWith(".js") ? "text/javascript" : "text/css";
    await context.route(`**/${file}`, (route) => route.fulfill({path: join(VIEWER, "dist", file), contentType}));
  }
}

/** Keeps a picture of the page, to be looked at: `target/viewer/NAME.png`. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = join(VIEWER, "../../target/viewer");
  mkdirSync(folder, {recursive: true});
  await page.screenshot({path: join(folder, `${name}.png`)});
}
