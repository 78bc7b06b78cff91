// What is seen, as a file: links to the API's formats. It must not know how the files are made.

import {address} from "../api/client.ts";
import {bothSides, parameters} from "../data/profile.ts";
import type {View} from "../state/view.ts";

/** The API's name, what people call it, and how such files' names end. */
const FORMATS: readonly [string, string, string][] = [
  ["html", "This page as a file", "html"],
  ["svg", "SVG", "svg"],
  ["folded", "Folded stacks", "folded"],
  ["pprof", "pprof", "pb.gz"],
  ["speedscope", "speedscope", "speedscope.json"],
  ["gecko", "Firefox Profiler", "gecko.json"],
  ["json", "JSON", "json"],
];

/** A comparison is saved as one; the other formats have one side alone, that after. */
function addressOf(view: View, format: string): string {
  const more = {format, ...(view.only === "" ? {} : {focus: view.only.replace(KERNEL, "")})};
  return view.compare && format === "html"
    ? address("/api/v1/diff", {...bothSides(view), ...more})
    : address("/api/v1/profile", {...parameters(view), ...more});
}

/** What the text of a kernel function ends with, and its name does not. */
const KERNEL = /_\[k\]$/;

export function Export({view}: {view: View}) {
  return (
    <details class="menu">
      <summary>Export</summary>
      <ul>
        {FORMATS.map(([format, name, ending]) => (
          <li key={format}>
            <a href={addressOf(view, format)} download={`firetower.${ending}`}>{name}</a>
          </li>
        ))}
      </ul>
    </details>
  );
}
