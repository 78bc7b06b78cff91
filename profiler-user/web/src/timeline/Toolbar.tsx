// What is above the timeline: by which label, which selection, zoom, pan. It must not know the view.

import type {Side} from "./paint.ts";

export interface ToolbarProps {
  open: boolean;
  onOpen(): void;
  by: string;
  labels: readonly string[];
  onBy(label: string): void;
  /** Which side of a comparison a drag changes; `null`: there is none. */
  sides: {active: Side; choose(side: Side): void} | null;
  onZoom(factor: number): void;
  onPan(share: number): void;
  atPresent: boolean;
  onPresent(): void;
}

export function Toolbar(props: ToolbarProps) {
  const {open, onOpen, by, labels, onBy, sides, onZoom, onPan, atPresent, onPresent} = props;
  return (
    <div class="timeline-bar">
      <button type="button" aria-expanded={open} aria-label="Timeline" title={open ? "Hide the timeline" : "Show the timeline"} onClick={onOpen}>
        {open ? "▾" : "▸"}
      </button>
      {open && (
        <>
          <label>CPUs by <select value={by} onChange={(event) => onBy(event.currentTarget.value)}>
            {labels.map((label) => <option key={label} value={label}>{label}</option>)}
          </select></label>
          {sides && (
            <fieldset class="timeline-sides">
              <legend class="visually-hidden">What a drag selects</legend>
              {(["before", "after"] as const).map((side) => (
                <label key={side} class={side}>
                  <input type="radio" name="timeline-side" value={side} checked={sides.active === side} onChange={() => sides.choose(side)} />
                  {side === "before" ? "Before" : "After"}
                </label>
              ))}
            </fieldset>
          )}
          <span class="timeline-steps">
            <button type="button" aria-label="Earlier" title="Earlier" onClick={() => onPan(-0.5)}>◀</button>
            <button type="button" aria-label="Longer window" title="Longer window (Ctrl and wheel)" onClick={() => onZoom(2)}>−</button>
            <button type="button" aria-label="Shorter window" title="Shorter window (Ctrl and wheel)" onClick={() => onZoom(0.5)}>+</button>
            <button type="button" aria-label="Later" title="Later" onClick={() => onPan(0.5)}>▶</button>
            <button type="button" aria-pressed={atPresent} title="Up to the present" onClick={onPresent}>Now</button>
          </span>
        </>
      )}
    </div>
  );
}
