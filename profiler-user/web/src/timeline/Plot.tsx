// The picture of the timeline, with what can be done on it: pointing, dragging, wheel, keys. It must not know the view.

import {useEffect, useRef, useState} from "preact/hooks";
import {clock} from "../data/time.ts";
import {lengthInWords, moved, resized, length, snapped, type Span} from "../model/selection.ts";
import {cpus, layerName, meanOf, stepAt, type Stack} from "../model/series.ts";
import {usePaint, useSize} from "./canvas.ts";
import {useDrag} from "./drag.ts";
import {paintAreas, paintOverlay, scale, type Selection, type Side} from "./paint.ts";
import {useWheel} from "./wheel.ts";

export interface PlotProps {
  stack: Stack;
  window: Span;
  colors: readonly string[];
  lit: number;
  selections: readonly Selection[];
  /** Which selection keys change, and what is newly dragged. */
  side: Side;
  /** `typed`: by keys, of which several may follow. */
  onSelect(side: Side, span: Span, typed: boolean): void;
  onClear(): void;
  /** A window `factor` times as long, around a moment; `null`: around what is selected. */
  onZoom(factor: number, around: number | null): void;
  onWidth(width: number): void;
}

const NAMES: Record<Side, string> = {before: "Before", after: "After"};

/** A selection in words. */
function inWords(stack: Stack, span: Span): string {
  const used = meanOf(stack, span).reduce((sum, value) => sum + value, 0);
  return `${clock(span.from)} to ${clock(span.until)}, ${lengthInWords(length(span))}, ${cpus(used)} CPUs`;
}

export function Plot(props: PlotProps) {
  const {stack, window, colors, lit, selections, side, onSelect, onClear, onZoom, onWidth} = props;
  const [attach, size, box] = useSize<HTMLDivElement>();
  const areas = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  const [pointed, setPointed] = useState<{x: number; y: number} | null>(null);
  const drag = useDrag({window, width: size.width, selections, side, onSelect: (of, span) => onSelect(of, span, false)});
  useEffect(() => onWidth(size.width), [size.width]);

  const shown = drag.draft
    ? [...selections.filter((selection) => selection.side !== drag.draft?.side),
       {side: drag.draft.side, span: drag.draft.span, label: lengthInWords(length(drag.draft.span))}]
    : selections;
  const {at, x} = scale(window, size.width);
  const hover = pointed && at(pointed.x) >= window.from && at(pointed.x) <= window.until ? at(pointed.x) : null;
  usePaint(areas, size, (surface) => paintAreas(surface, {stack, window, colors, lit}), [stack, window, colors, lit]);
  usePaint(overlay, size, (surface) => paintOverlay(surface, {window, selections: shown, hover}), [window, shown, hover]);
  useWheel(box, (factor, place) => onZoom(factor, at(place)));

  const present = selections.find((selection) => selection.side === side)?.span ?? null;
  const press = (event: KeyboardEvent) => {
    const step = Math.max(1, Math.round(stack.step));
    const by = {ArrowLeft: -step, ArrowRight: step}[event.key];
    const from = present ?? snapped(window.until - 10 * step, window.until, window);
    if (by !== undefined && !event.ctrlKey && !event.altKey && !event.metaKey) {
      onSelect(side, event.shiftKey ? resized(from, "until", Math.max(from.until + by, from.from + 1), window) : moved(from, by, window), true);
    } else if (event.key === "Home") onSelect(side, moved(from, window.from - from.from, window), true);
    else if (event.key === "End") onSelect(side, moved(from, window.until - from.until, window), true);
    else if (event.key === "+" || event.key === "=") onZoom(0.5, null);
    else if (event.key === "-") onZoom(2, null);
    else if (event.key === "Escape") {
      if (drag.draft) drag.cancel();
      else onClear();
    } else return;
    event.preventDefault();
  };
  return (
    <div
      ref={attach}
      class="timeline-plot"
      role="slider"
      tabIndex={0}
      aria-label={selections.length > 1 || side === "before" ? `Selected time, ${NAMES[side].toLowerCase()}` : "Selected time"}
      aria-describedby="timeline-table"
      aria-valuemin={window.from}
      aria-valuemax={window.until}
      aria-valuenow={present ? Math.min(Math.max(Math.round(present.from), window.from), window.until) : window.from}
      aria-valuetext={present ? inWords(stack, present) : "nothing selected"}
      style={{cursor: drag.cursor}}
      onKeyDown={press}
      onPointerDown={drag.down}
      onPointerUp={drag.up}
      onPointerCancel={drag.cancel}
      onPointerMove={(event) => {
        const place = event.currentTarget.getBoundingClientRect();
        setPointed({x: event.clientX - place.left, y: event.clientY - place.top});
        drag.move(event);
      }}
      onPointerLeave={() => setPointed(null)}
      onDblClick={onClear}
    >
      <canvas ref={areas} aria-hidden="true" />
      <canvas ref={overlay} aria-hidden="true" />
      {hover !== null && <Values stack={stack} at={hover} x={x(hover)} width={size.width} colors={colors} />}
    </div>
  );
}

const MOST_VALUES = 8;

/** What is at a moment, beside the pointer. */
function Values({stack, at, x, width, colors}: {stack: Stack; at: number; x: number; width: number; colors: readonly string[]}) {
  const step = stepAt(stack, at);
  const rows = step < 0 ? [] : stack.layers
    .map((layer, i) => ({name: layerName(layer), value: layer.values[step]!, color: colors[i]!}))
    .filter(({value}) => value > 0).sort((a, b) => b.value - a.value);
  const all = rows.reduce((sum, {value}) => sum + value, 0);
  const moment = step < 0 ? at : stack.from + step * stack.step;
  const side = x > width / 2 ? {right: `${width - x + 10}px`} : {left: `${x + 10}px`};
  const unknown = moment < stack.completeSince;
  return (
    <div class="timeline-values" style={side} aria-hidden="true">
      <b>{clock(moment)}</b>{stack.step > 1 && step >= 0 ? `, ${lengthInWords(stack.step)}` : ""}
      {unknown && <div>{rows.length > 0 ? "not all is known" : "not known"}</div>}
      {!unknown && rows.length === 0 && <div>{step < 0 ? "not known yet" : "no CPU used"}</div>}
      {rows.slice(0, MOST_VALUES).map(({name, value, color}) => (
        <div key={name} class="timeline-value"><i style={{background: `var(${color})`}} /><span>{name}</span><span>{cpus(value)}</span></div>
      ))}
      {rows.length > MOST_VALUES && <div class="timeline-value"><i /><span>{rows.length - MOST_VALUES} more</span><span /></div>}
      {rows.length > 1 && <div class="timeline-value"><i /><span>all</span><span>{cpus(all)} CPUs</span></div>}
    </div>
  );
}
