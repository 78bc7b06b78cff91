// What the colours mean. It must not know which box has which.

import type {Tree} from "../model/tree.ts";
import type {Colour} from "../state/view.ts";
import {css} from "./colour.ts";
import {changeFill, legend} from "./paint.ts";

export interface LegendProps {
  tree: Tree;
  colour: Colour;
  dark: boolean;
}

const STEPS = [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1];
/** A change as a factor: half the share is -0.5, twice as much 0.5. */
const TICKS: Record<string, string> = {"-1": "gone", "-0.5": "½", "0": "as before", "0.5": "2×", "1": "new"};

export function Legend({tree, colour, dark}: LegendProps) {
  if (colour === "difference" && tree.before) {
    return (
      <p class="flame-legend" aria-label="Colours: change of the share of all CPU time">
        <span class="flame-scale">
          {STEPS.map((step) => (
            <span key={step}>
              <span class="flame-swatch" style={{background: css(changeFill(step, dark))}} />
              {TICKS[String(step)] ?? ""}
            </span>
          ))}
        </span>
      </p>
    );
  }
  const keys = legend(tree, colour, dark);
  if (keys.length === 0) return <p class="flame-legend">Each {colour} has a colour of its own.</p>;
  return (
    <ul class="flame-legend" aria-label="Colours">
      {keys.map(({name, fill}) => (
        <li key={name}><span class="flame-swatch" style={{background: css(fill)}} />{name}</li>
      ))}
    </ul>
  );
}
