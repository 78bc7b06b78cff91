// The line at the bottom: what share of the samples has no whole, named Python stack, and why; and what was not kept. It
// must not know how reasons come about.

import {useMemo} from "preact/hooks";
import type {Head, Memory} from "../api/schema.ts";
import {cpu, percent, samples} from "../data/numbers.ts";
import {grouped, useOf} from "../model/functions.ts";
import type {Tree} from "../model/tree.ts";
import type {PaneProps} from "../shell/pane.ts";
import {ShareBar} from "./bars.tsx";

export function Reasons({profile, status}: PaneProps) {
  const head = profile.value?.head ?? null;
  const compared = profile.value && !head ? profile.value.tree : null;
  const kept = status ? lost(status.memory) : [];
  // Panes that load what they show themselves have no profile.
  if (!head && !compared && kept.length === 0) return null;
  return (
    <footer class="reasons">
      <details>
        <summary>
          {head && <Summary head={head} />}
          {compared && <Compared tree={compared} />}
          {kept.map(([text]) => <span key={text} class="bad">{text}</span>)}
        </summary>
        {head && head.unattributed.reasons.length > 0 && <ReasonTable head={head} />}
        {kept.map(([text, why]) => <p key={text}><b>{text}</b>: {why}</p>)}
        {compared && <p>Reasons are functions of the comparison: they are in the table, with what changed.</p>}
        {head && head.unattributed.samples === 0 && kept.length === 0 && (
          <p>Every sample has a whole stack with names, and none was dropped.</p>
        )}
      </details>
    </footer>
  );
}

function Summary({head}: {head: Head}) {
  const {unattributed, total} = head;
  if (total.samples === 0) return <span class="idle">No samples.</span>;
  if (unattributed.samples === 0) return <span class="good">All of {samples(total.samples)} attributed.</span>;
  const [first] = unattributed.reasons;
  return (
    <span>
      {percent(unattributed.samples / total.samples)} of {samples(total.samples)} not attributed
      {first && <>, most of it: {first.text}</>}.
    </span>
  );
}

/** A comparison comes without sums: they are in its tree. */
function Compared({tree}: {tree: Tree}) {
  const [before, after] = useMemo(() => {
    const {of, keys} = grouped(tree.frames, (frame) => (frame.kind === "unknown" ? "" : null));
    const use = useOf(tree, of, keys.length);
    const share = (part: number | undefined, whole: number | undefined) => (part && whole ? part / whole : 0);
    return [share(use.before?.total[0], tree.before?.total[0]), share(use.total[0], tree.total[0])];
  }, [tree]);
  if (before === 0 && after === 0) return <span class="good">All attributed, on both sides.</span>;
  return <span>{percent(before)} not attributed before, {percent(after)} after.</span>;
}

function ReasonTable({head}: {head: Head}) {
  const {unattributed, total} = head;
  return (
    <table>
      <caption class="visually-hidden">Samples without a whole, named Python stack, by reason</caption>
      <thead><tr><th scope="col">Reason</th><th scope="col">Share</th><th scope="col">Samples</th><th scope="col">CPU</th></tr></thead>
      <tbody>
        {unattributed.reasons.map(({reason, text, samples: count, cpu_seconds}) => (
          <tr key={reason}>
            <th scope="row" title={reason}>{text}</th>
            <td><ShareBar share={count / total.samples} /></td>
            <td>{count.toLocaleString("en")}</td>
            <td>{cpu(cpu_seconds)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What memory had no room for: in a few words, and what it means. */
function lost(memory: Memory): [text: string, why: string][] {
  const all: [number, string, string][] = [
    [memory.dropped_samples, "dropped", "their seconds went before their time to make room. What is older is in the store, if there is one."],
    [memory.folded_samples, "without their own stack", "they are kept and counted, though not under their own stack, because tables were full."],
    [memory.dropped_milliseconds, "without milliseconds", "they are missing in heat maps only, to make room."],
  ];
  return all.filter(([count]) => count > 0).map(([count, what, why]) => [`${samples(count)} ${what}`, why]);
}
