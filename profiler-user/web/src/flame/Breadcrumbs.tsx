// The way from the root to what is zoomed to. It must not know the picture.

import {useState} from "preact/hooks";
import type {Path} from "../model/tree.ts";
import {visible} from "./labels.ts";

export interface BreadcrumbsProps {
  path: Path;
  /** So many of the path there are now; the others have no samples at the moment. */
  there: number;
  onZoom: (path: Path) => void;
}

/** Of a longer way the middle is left out: so many are kept at its beginning, without the root, and at its end. */
const FIRST = 1;
const LAST = 3;

export function Breadcrumbs({path, there, onZoom}: BreadcrumbsProps) {
  const [all, setAll] = useState(false);
  const middle = path.length - FIRST - LAST;
  const left = !all && middle > 1 ? middle : 0;
  return (
    <nav class="flame-crumbs" aria-label="Zoom">
      <ol>
        <li><Crumb text="all" last={path.length === 0} there={true} onClick={() => onZoom([])} /></li>
        {path.map((text, index) => {
          if (left > 0 && index > FIRST && index < FIRST + left) return null;
          if (left > 0 && index === FIRST) {
            return (
              <li key="middle">
                <button type="button" aria-label={`Show ${left} more`} title={path.slice(FIRST, FIRST + left).map(visible).join("\n")} onClick={() => setAll(true)}>
                  … {left}
                </button>
              </li>
            );
          }
          return (
            <li key={index}>
              <Crumb text={text} last={index === path.length - 1} there={index < there} onClick={() => onZoom(path.slice(0, index + 1))} />
            </li>
          );
        })}
      </ol>
    </nav>
  );
}

function Crumb({text, last, there, onClick}: {text: string; last: boolean; there: boolean; onClick: () => void}) {
  const shown = visible(text);
  return (
    <button
      type="button"
      class={there ? "" : "gone"}
      title={there ? shown : `${shown}: no samples now`}
      onClick={onClick}
      {...(last ? {"aria-current": "location" as const} : {})}
    >
      {/* The name is enough here; its place is in the title. */}
      <bdi>{shown.replace(/ \([^()]*\)$/, "") || shown}</bdi>
    </button>
  );
}
