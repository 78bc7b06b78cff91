// Zooms by the wheel while Ctrl (or Command) is held, as a pinch on a touchpad also does; else the page scrolls.

import {useEffect, useRef} from "preact/hooks";

/** `zoom` is told by how much longer a window is to be, and around which pixel of the element. */
export function useWheel(box: {current: HTMLElement | null}, zoom: (factor: number, x: number) => void): void {
  const latest = useRef(zoom);
  latest.current = zoom;
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const turn = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      latest.current(1.0015 ** Math.max(-400, Math.min(event.deltaY, 400)), event.clientX - element.getBoundingClientRect().left);
    };
    element.addEventListener("wheel", turn, {passive: false});
    return () => element.removeEventListener("wheel", turn);
  }, []);
}
