// What a pointer does to the selections of a timeline: a new one, a moved one, a moved edge. It says what is being drawn
// and, when the pointer is let go, what was. It must not know what a selection is for.

import {useRef, useState} from "preact/hooks";
import {moved, partAt, resized, snapped, type Span} from "../model/selection.ts";
import {MARGIN, scale, type Selection, type Side} from "./paint.ts";

/** Pixels that a pointer may shake without dragging, and from which an edge is taken. */
const SHAKE = 3;
const REACH = {mouse: 5, touch: 14};

interface Start {
  x: number;
  at: number;
  /** What it changes; `null`: a new selection begins. */
  taken: {selection: Selection; part: "from" | "until" | "inside"} | null;
  side: Side;
}

export interface Drag {
  /** What is being drawn. */
  draft: {side: Side; span: Span} | null;
  cursor: string;
  down(event: PointerEvent): void;
  move(event: PointerEvent): void;
  up(event: PointerEvent): void;
  cancel(): void;
}

export interface DragProps {
  window: Span;
  width: number;
  selections: readonly Selection[];
  /** Which one a new selection is. */
  side: Side;
  onSelect(side: Side, span: Span): void;
}

export function useDrag({window, width, selections, side, onSelect}: DragProps): Drag {
  const start = useRef<Start | null>(null);
  const [draft, setDraft] = useState<Drag["draft"]>(null);
  const [cursor, setCursor] = useState("crosshair");
  const {at: momentAt} = scale(window, width);

  const taken = (event: PointerEvent, {x, y}: {x: number; y: number}): Start["taken"] => {
    const reach = momentAt(REACH[event.pointerType === "mouse" ? "mouse" : "touch"]) - momentAt(0);
    // The side that is being changed is on top.
    const order = [...selections].sort((a, b) => Number(b.side === side) - Number(a.side === side));
    for (const selection of order) {
      const part = partAt(selection.span, momentAt(x), reach);
      if (part === "from" || part === "until" || (part === "inside" && y < MARGIN.top)) return {selection, part};
    }
    return null;
  };
  const drawn = ({x, at, taken, side}: Start, to: number): Drag["draft"] => {
    if (Math.abs(to - x) < SHAKE) return null;
    if (!taken) return {side, span: snapped(at, momentAt(to), window)};
    const {selection, part} = taken;
    const span = part === "inside"
      ? moved(selection.span, momentAt(to) - at, window)
      : resized(selection.span, part, selection.span[part] + momentAt(to) - at, window);
    return {side: selection.side, span};
  };
  const place = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return {x: event.clientX - box.left, y: event.clientY - box.top};
  };
  const cancel = () => {
    start.current = null;
    setDraft(null);
  };
  return {
    draft,
    cursor,
    cancel,
    down(event) {
      if (event.button !== 0) return;
      const at = place(event);
      start.current = {x: at.x, at: momentAt(at.x), taken: taken(event, at), side};
      (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    },
    move(event) {
      const at = place(event);
      if (start.current) setDraft(drawn(start.current, at.x));
      else {
        const part = taken(event, at)?.part;
        setCursor(part === "inside" ? "grab" : part ? "ew-resize" : "crosshair");
      }
    },
    up(event) {
      const done = start.current && drawn(start.current, place(event).x);
      cancel();
      if (done) onSelect(done.side, done.span);
    },
  };
}
