// What is seen, as a file: links to the API's formats. It must not know how the files are made.

import {address} from "../api/client.ts";
import {bothSides, parameters} from "../data/profile.ts";
import type {View} from "../state/view.ts";

const FORMATS: readonly [string, string][] = [
  ["html", "This page as a file"],
  ["svg", "SVG"],
  ["folded", "Folded stacks"],
  ["pprof", "pprof"],
  ["speedscope", "speedscope"],
  ["gecko", "Firefox Profiler"],
  ["json", "JSON"],
];

/** A comparison is saved as one; the other formats have one side alone, that after. */
function addressOf(view: View, format: string): string {
  return view.compare && format === "html"
    ? address("/api/v1/diff", {...bothSides(view), format})
    : address("/api/v1/profile", {...parameters(view), format});
}

export function Export({view}: {view: View}) {
  return (
    <details class="menu">
      <summary>Export</summary>
      <ul>
        {FORMATS.map(([format, name]) => (
          <li key={format}>
            <a href={addressOf(view, format)} download={`firetower.${format}`}>{name}</a>
          </li>
        ))}
      </ul>
    </details>
  );
}
