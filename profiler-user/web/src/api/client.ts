// Asks the agent. It must not know what becomes of the answers.

import type * as schema from "./schema.ts";

/** The agent has answered, and it was not what was asked for. */
export class Refused extends Error {
  constructor(readonly status: number, readonly what: string, readonly hint: string) {
    super(hint ? `${what}: ${hint}` : what);
    this.name = "Refused";
  }
}

/** The agent can't be reached, or does not answer in time. */
export class Gone extends Error {
  constructor(cause: unknown) {
    super("the agent does not answer", {cause});
    this.name = "Gone";
  }
}

export type Parameters = Record<string, string | number | boolean | readonly (string | number)[] | null | undefined>;

/** Routes that answer JSON, and with what. */
export interface Routes {
  "/api/v1/profile": schema.ProfileTree;
  "/api/v1/diff": schema.Difference;
  "/api/v1/top": schema.TopFunctions;
  "/api/v1/series": schema.Series;
  "/api/v1/heatmap": schema.Heat;
  "/api/v1/chart": schema.FlameChart;
  "/api/v1/labels": schema.LabelNames;
  "/api/v1/processes": schema.Processes;
  "/api/v1/status": schema.ServiceStatus;
}

const TIMEOUT_MS = 30_000;

/** Path and query; what is empty, false or not there is left out. */
export function address(path: string, parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === null || value === undefined || value === false || value === "") continue;
    if (Array.isArray(value)) {
      if (value.length > 0) query.set(name, value.join(","));
    } else query.set(name, value === true ? "1" : String(value));
  }
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** When the page was last on its way to another one, in milliseconds of its clock. */
let left = -Infinity;
const LEAVING_MS = 5000;
// Tests of this file have no page.
globalThis.addEventListener?.("beforeunload", () => (left = performance.now()));

/** Asked for as a page again, this one leads to the login. Not while it is on its way elsewhere: that would call it back. A way that
 * ends in a download leaves the page where it is, so this is forgotten after a while, and the next answer leads to the login. */
function sessionHasEnded(): void {
  if (performance.now() - left > LEAVING_MS) location.reload();
}

/** The answer of a route. Throws [`Refused`], [`Gone`], or an `AbortError` if `signal` was aborted. */
export function ask<Path extends keyof Routes>(path: Path, parameters: Parameters, signal: AbortSignal): Promise<Routes[Path]> {
  return askAt<Routes[Path]>(address(path, parameters), signal);
}

/** As [`ask`], for a path with something in it. */
export async function askAt<Answer>(url: string, signal: AbortSignal): Promise<Answer> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, {signal: AbortSignal.any([signal, limit]), headers: {accept: "application/json"}});
    text = await answer.text();
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Gone(error);
  }
  if (answer.status === 401) sessionHasEnded();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refused(answer.status, `the answer to ${url} is not JSON`, "is this address firetower's own?");
  }
  if (!answer.ok) {
    const {error, hint} = body as Partial<schema.Error>;
    throw new Refused(answer.status, error ?? `${url} was answered with ${answer.status}`, hint ?? "");
  }
  return body as Answer;
}

/** Why a stream was not begun: the browser does not tell. `null`: now it would be. */
export async function whyNoStream(url: string, signal: AbortSignal): Promise<Refused | Gone | null> {
  const stop = new AbortController();
  let answer: Response;
  try {
    answer = await fetch(url, {signal: AbortSignal.any([signal, stop.signal]), headers: {accept: "text/event-stream"}});
  } catch (error) {
    return new Gone(error);
  }
  if (answer.ok) {
    stop.abort();
    return null;
  }
  if (answer.status === 401) sessionHasEnded();
  try {
    const {error, hint} = (await answer.json()) as schema.Error;
    return new Refused(answer.status, error, hint);
  } catch {
    return new Refused(answer.status, `${url} was answered with ${answer.status}`, "");
  }
}

/** Ends the browser's session, and leads to the page where another begins. */
export async function logOut(): Promise<void> {
  try {
    await fetch("/logout", {method: "POST"});
  } finally {
    // Where it failed, that page says that the session goes on.
    location.assign("/login");
  }
}
