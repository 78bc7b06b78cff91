// Which colour is what; a click filters by it, another one no more. And the same as a table for screen readers.

import type {Selection} from "./paint.ts";
import {cpus, layerName, meanOf, type Stack} from "../model/series.ts";

export interface LegendProps {
  stack: Stack;
  colors: readonly string[];
  /** Values that are filtered by. */
  filtered: readonly string[];
  onFilter(value: string): void;
  /** The pointer is on a layer's name; -1: on none. */
  onLit(layer: number): void;
}

export function Legend({stack, colors, filtered, onFilter, onLit}: LegendProps) {
  return (
    <ul class="timeline-legend" aria-label="Legend" onPointerLeave={() => onLit(-1)}>
      {stack.layers.map((layer, number) => (
        <li key={layer.name ?? "\0"} onPointerEnter={() => onLit(number)}>
          {layer.name === null
            ? <span class="timeline-entry" title="Those that use least"><i style={{background: `var(${colors[number]!})`}} />{layerName(layer)}</span>
            : (
              <button
                type="button"
                class="timeline-entry"
                aria-pressed={filtered.includes(layer.name)}
                title={filtered.includes(layer.name) ? `Not only ${layerName(layer)}` : `Only ${layerName(layer)}`}
                onClick={() => onFilter(layer.name!)}
                onFocus={() => onLit(number)}
                onBlur={() => onLit(-1)}
              >
                <i style={{background: `var(${colors[number]!})`}} /><span>{layerName(layer)}</span>
              </button>
            )}
        </li>
      ))}
      {stack.layers.length === 0 && <li class="idle">No CPU used by what is selected</li>}
    </ul>
  );
}

export function Table({stack, by, selections}: {stack: Stack; by: string; selections: readonly Selection[]}) {
  const columns = [{name: "shown", span: stack}, ...selections.map(({side, span}) => ({name: selections.length > 1 ? side : "selected", span}))];
  const means = columns.map(({span}) => meanOf(stack, span));
  return (
    <table id="timeline-table" class="visually-hidden">
      <caption>CPUs in use, on average</caption>
      <thead><tr><th scope="col">{by}</th>{columns.map(({name}) => <th key={name} scope="col">{name}</th>)}</tr></thead>
      <tbody>
        {stack.layers.map((layer, number) => (
          <tr key={layer.name ?? "\0"}>
            <th scope="row">{layerName(layer)}</th>
            {means.map((mean, i) => <td key={columns[i]!.name}>{cpus(mean[number]!)}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
