// The search: what is typed, how much of the whole it is, and the way from match to match. It must not know how matches are
// drawn.

import {percent} from "../data/numbers.ts";
import type {Found, Query} from "../model/search.ts";
import type {Tree} from "../model/tree.ts";

export interface SearchProps {
  text: string;
  query: Query;
  tree: Tree;
  found: Found | null;
  onSearch: (text: string) => void;
  /** To the next match, or the one before. */
  onStep: (step: 1 | -1) => void;
}

const ERROR = "flame-search-said";

export function Search({text, query, tree, found, onSearch, onStep}: SearchProps) {
  const press = (event: KeyboardEvent) => {
    if (event.key === "Enter") onStep(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape" && text !== "") onSearch("");
    else return;
    event.preventDefault();
  };
  const none = !found || found.nodes.length === 0;
  return (
    <search class="flame-search">
      <input
        type="search"
        placeholder="Search, a regular expression"
        aria-label="Search, a regular expression"
        aria-invalid={query.error !== ""}
        aria-describedby={ERROR}
        spellcheck={false}
        autocomplete="off"
        value={text}
        onInput={(event) => onSearch(event.currentTarget.value)}
        onKeyDown={press}
      />
      <button type="button" aria-label="Previous match" title="Previous match (Shift+Enter)" disabled={none} onClick={() => onStep(-1)}>‹</button>
      <button type="button" aria-label="Next match" title="Next match (Enter)" disabled={none} onClick={() => onStep(1)}>›</button>
      <span id={ERROR} role="status" class={query.error === "" ? "" : "bad"}>{sayFound(query, tree, found)}</span>
    </search>
  );
}

/** `12.3 % in 4 boxes`; of a difference both sides. */
function sayFound({error}: Query, tree: Tree, found: Found | null): string {
  if (error !== "") return `No regular expression: ${error}`;
  if (!found) return "";
  const count = found.nodes.length;
  const boxes = count === 1 ? "1 box" : `${count.toLocaleString("en")} boxes`;
  const share = (part: number, whole: number) => (whole > 0 ? percent(part / whole) : "–");
  const now = share(found.total, tree.total[0]!);
  const text = tree.before ? `${share(found.before, tree.before.total[0]!)} → ${now}` : now;
  return count === 0 ? "Nothing matches" : `${text} in ${boxes}`;
}
