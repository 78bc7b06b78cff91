// Mouse, pen and finger on the picture: what they point at, choose, zoom to and move. It must not know what follows.

import {useEffect, useRef} from "preact/hooks";
import type {Scene} from "./scene.ts";

export interface Reactions {
  /** What is under the pointer; -1: nothing. */
  point: (node: number, x: number, y: number) => void;
  select: (node: number) => void;
  choose: (node: number) => void;
  zoom: (node: number) => void;
  isSelected: (node: number) => boolean;
}

/** Pixels that a hand may tremble while it clicks. */
const TREMBLE = 4;
/** A notch of a wheel makes the part so many times as wide. */
const NOTCH = 1.2;
const NOTCH_PIXELS = 100;
const LINE_PIXELS = 16;

export function usePointer(box: {readonly current: HTMLElement | null}, scene: {readonly current: Scene | null}, reactions: Reactions): void {
  const latest = useRef(reactions);
  latest.current = reactions;
  useEffect(() => {
    const abort = new AbortController();
    const {signal} = abort;
    const element = box.current!;
    // Where the button went down, and whether the picture has been moved since.
    let down: {x: number; id: number} | null = null;
    let moved = false;
    let finger = false;
    const under = (event: MouseEvent) => scene.current?.nodeAt(event.clientX, event.clientY) ?? -1;
    const nothing = () => latest.current.point(-1, 0, 0);
    const on = <Name extends keyof HTMLElementEventMap>(name: Name, react: (event: HTMLElementEventMap[Name]) => void) =>
      element.addEventListener(name, react as EventListener, {signal, passive: false});

    on("pointerdown", (event) => {
      finger = event.pointerType === "touch";
      moved = false;
      if (event.button === 0) down = {x: event.clientX, id: event.pointerId};
    });
    on("pointermove", (event) => {
      if (down && event.pointerId === down.id) {
        const by = event.clientX - down.x;
        if ((moved || Math.abs(by) > TREMBLE) && scene.current?.pan(by)) {
          if (!moved) element.setPointerCapture(event.pointerId);
          moved = true;
          down.x = event.clientX;
          nothing();
          return;
        }
      }
      // A finger covers what it points at: its box is shown below, when it was tapped.
      if (event.pointerType !== "touch") latest.current.point(under(event), event.clientX, event.clientY);
    });
    on("pointerup", () => (down = null));
    on("pointercancel", () => (down = null));
    on("pointerleave", nothing);
    on("click", (event) => {
      const node = under(event);
      if (moved || node < 0) return;
      const {isSelected, select, zoom} = latest.current;
      const again = isSelected(node);
      select(node);
      if (!finger || again) zoom(node);
    });
    on("dblclick", (event) => {
      const node = under(event);
      if (node > 0 && !finger) latest.current.choose(node);
    });
    on("contextmenu", (event) => {
      const node = under(event);
      if (node <= 0) return;
      event.preventDefault();
      latest.current.select(node);
      latest.current.choose(node);
    });
    on("wheel", (event) => {
      const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PIXELS : 1;
      if (event.ctrlKey || event.metaKey || event.shiftKey) {
        // With Shift some browsers turn the wheel sideways.
        const delta = (event.deltaY || event.deltaX) * pixels;
        scene.current?.closerAt(event.clientX, NOTCH ** (delta / NOTCH_PIXELS));
        event.preventDefault();
      } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) && scene.current?.pan(-event.deltaX * pixels)) event.preventDefault();
    });
    return () => abort.abort();
  }, []);
}
