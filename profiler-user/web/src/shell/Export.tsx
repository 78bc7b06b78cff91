// What is seen, as a file: links to the API's formats. It must not know how the files are made.

import {address} from "../api/client.ts";
import {parameters} from "../data/profile.ts";
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

export function Export({view}: {view: View}) {
  return (
    <details class="menu">
      <summary>Export</summary>
      <ul>
        {FORMATS.map(([format, name]) => (
          <li key={format}>
            <a href={address("/api/v1/profile", {...parameters(view), format})} download={`firetower.${format}`}>{name}</a>
          </li>
        ))}
      </ul>
    </details>
  );
}
