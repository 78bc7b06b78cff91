// A flame graph on a canvas. It is given a tree and what is pointed out in it, and says what is clicked. It must not know
// where the tree comes from, nor the address.

import type {Frame, Path, Tree} from "../model/tree.ts";
import type {Colour} from "../state/view.ts";

export interface FlameProps {
  tree: Tree;
  /** Root at the top; else at the bottom. */
  icicle: boolean;
  zoom: Path;
  onZoom: (path: Path) => void;
  search: RegExp | null;
  /** The function whose boxes are highlighted everywhere: [`functionKey`] of its frame; empty: none. */
  chosen: string;
  onChoose: (frame: Frame) => void;
  colour: Colour;
  /** For screen readers: what it is a picture of. */
  label: string;
}

export function Flame({tree, label}: FlameProps) {
  return <p>{label}: {tree.total[0]} samples, {tree.frame.length} nodes.</p>;
}
