// Follows the live stream: a first picture, then differences, put together to whole profiles. It must not know what
// becomes of them.

import {Gone, Refused, address, whyNoStream, type Parameters} from "./client.ts";
import type * as schema from "./schema.ts";

export interface Follower {
  profile(profile: schema.ProfileTree): void;
  /** This time there is no picture: the agent has refused it, or is gone. It is tried again by itself. */
  trouble(error: Refused | Gone): void;
}

/** After a stream was refused. */
const AGAIN_MS = 5000;

/** What was sent so far. Numbers of nodes are the stream's own and stay; parents come before their children. */
export class Picture {
  #frames: schema.Frame[] = [];
  readonly #nodes = new Map<number, {frame: number | null; parent: number; total: number; self: number}>();

  /** The whole first picture. */
  reset(changes: schema.Changes): void {
    this.#frames = [];
    this.#nodes.clear();
    this.apply(changes);
  }

  apply({frames, nodes, removed}: schema.Changes): void {
    this.#frames = this.#frames.concat(frames);
    for (const id of removed) this.#nodes.delete(id);
    nodes.id.forEach((id, i) => {
      this.#nodes.set(id, {frame: nodes.frame[i]!, parent: nodes.parent[i]!, total: nodes.total[i]!, self: nodes.self[i]!});
    });
  }

  /** The profile, under the head of the last changes. */
  profile(head: schema.Head): schema.ProfileTree {
    const ids = this.#parentsFirst();
    const place = new Map(ids.map((id, i) => [id, i]));
    const rows = ids.map((id) => this.#nodes.get(id)!);
    return {
      ...head,
      frames: this.#frames,
      nodes: {
        frame: rows.map((row) => row.frame),
        parent: rows.map((row) => place.get(row.parent)!),
        total: rows.map((row) => row.total),
        self: rows.map((row) => row.self),
      },
    };
  }

  /** A node may have come with a lower number than its parent's, as numbers are used again. */
  #parentsFirst(): number[] {
    const children = new Map<number, number[]>();
    for (const [id, {parent}] of this.#nodes) {
      if (id === 0) continue;
      const list = children.get(parent);
      if (list) list.push(id);
      else children.set(parent, [id]);
    }
    const ids = this.#nodes.has(0) ? [0] : [];
    for (let i = 0; i < ids.length; i++) ids.push(...(children.get(ids[i]!) ?? []));
    return ids;
  }
}

/** Does the latest of what is asked for: at once if it is short, and no more than half of the time if it is long, so that
 *  a large profile leaves time for what a person does. What comes in between is left out. */
class Pace {
  #next: (() => void) | null = null;
  #busy = false;
  #timer = 0;

  run(work: () => void): void {
    this.#next = work;
    if (!this.#busy) this.#do();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#next = null;
  }

  #do(): void {
    const work = this.#next;
    this.#next = null;
    this.#busy = work !== null;
    if (!work) return;
    const began = performance.now();
    work();
    // Once more after as long as it took, with the drawing that follows it; nobody draws a page that is hidden.
    requestAnimationFrame(() => {
      this.#timer = window.setTimeout(() => this.#do(), performance.now() - began);
    });
  }
}

/** Follows until the function that it returns is called. */
export function follow(parameters: Parameters, follower: Follower): () => void {
  const url = address("/api/v1/live", parameters);
  const stopped = new AbortController();
  begin(url, follower, stopped.signal);
  return () => stopped.abort();
}

function begin(url: string, follower: Follower, stopped: AbortSignal): void {
  const picture = new Picture();
  const source = new EventSource(url);
  const pace = new Pace();
  stopped.addEventListener("abort", () => {
    pace.stop();
    source.close();
  });
  const on = (event: string, react: (data: unknown) => void) => {
    source.addEventListener(event, (message) => react(JSON.parse((message as MessageEvent<string>).data)));
  };
  const show = (changes: schema.Changes) => pace.run(() => follower.profile(picture.profile(changes)));
  on("profile", (data) => {
    picture.reset(data as schema.Changes);
    show(data as schema.Changes);
  });
  on("delta", (data) => {
    picture.apply(data as schema.Changes);
    show(data as schema.Changes);
  });
  on("trouble", (data) => {
    const {error, hint} = data as schema.Error;
    follower.trouble(new Refused(503, error, hint));
  });
  source.addEventListener("error", async () => {
    // The browser connects again by itself, unless the answer was no stream at all: then we do.
    if (source.readyState !== EventSource.CLOSED) return follower.trouble(new Gone(null));
    const why = await whyNoStream(url, stopped);
    if (stopped.aborted) return;
    if (why) follower.trouble(why);
    const again = window.setTimeout(() => begin(url, follower, stopped), why ? AGAIN_MS : 0);
    stopped.addEventListener("abort", () => clearTimeout(again));
  });
}
