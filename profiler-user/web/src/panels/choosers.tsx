// The lists that filters are chosen from: labels, and what values of a label use in a range. It must not know what
// becomes of the choice.

import {address, ask, askAt} from "../api/client.ts";
import type {Amount, LabelValues, Processes} from "../api/schema.ts";
import {useLoaded} from "../data/loaded.ts";
import {cpu} from "../data/numbers.ts";
import {selector, type Filters, type Range} from "../state/view.ts";
import {Combobox, type Option} from "./Combobox.tsx";

/** What a loading list says. */
function said(loaded: {value: unknown; error: Error | null}): {said?: string} {
  if (loaded.error) return {said: loaded.error.message};
  return loaded.value === null ? {said: "Loading."} : {};
}

export function LabelChooser({onChoose, onClose}: {onChoose: (label: string) => void; onClose: (how: "escape" | "blur") => void}) {
  const labels = useLoaded("labels", (signal) => ask("/api/v1/labels", {}, signal));
  const options: Option[] = (labels.value?.labels ?? []).map(({name, standard}) => ({
    value: name,
    text: name,
    ...(standard ? {} : {detail: "given by processes"}),
  }));
  return <Combobox label="Label" placeholder="label" options={options} onChoose={onChoose} onClose={onClose} focus {...said(labels)} />;
}

export interface ValueChooserProps {
  label: string;
  range: Range;
  /** The other filters: values are counted in what they select. */
  filters: Filters;
  chosen: readonly string[];
  processes: Processes | null;
  onToggle: (value: string) => void;
  onClose: (how: "escape" | "blur") => void;
}

const MOST_VALUES = 1000;

export function ValueChooser({label, range, filters, chosen, processes, onToggle, onClose}: ValueChooserProps) {
  const url = address(`/api/v1/labels/${encodeURIComponent(label)}/values`, {...range, query: selector(filters), limit: MOST_VALUES});
  const values = useLoaded(url, (signal) => askAt<LabelValues>(url, signal));
  const options = values.value ? optionsOf(values.value, chosen, label === "pid" ? processes : null) : [];
  return <Combobox label={`Values of ${label}`} placeholder={`${label} =`} options={options} onChoose={onToggle} onClose={onClose}
    several free focus {...said(values)} />;
}

function optionsOf(values: LabelValues, chosen: readonly string[], processes: Processes | null): Option[] {
  const listed = values.values as ({value: string} & Amount)[];
  const whole = listed.reduce((sum, {cpu_seconds}) => sum + cpu_seconds, values.other.cpu_seconds + values.without.cpu_seconds);
  const command = (pid: string) => processes?.processes.find((process) => String(process.pid) === pid)?.command;
  const option = (value: string, seconds: number): Option => {
    const detail = command(value);
    return {
      value, text: value, amount: cpu(seconds), share: whole > 0 ? seconds / whole : 0, chosen: chosen.includes(value),
      ...(detail === undefined ? {} : {detail}),
    };
  };
  const known = new Set(listed.map(({value}) => value));
  // What is chosen stays in the list, so that it can be taken back, even if it used nothing here.
  return [...listed.map(({value, cpu_seconds}) => option(value, cpu_seconds)), ...chosen.filter((value) => !known.has(value)).map((value) => option(value, 0))];
}
