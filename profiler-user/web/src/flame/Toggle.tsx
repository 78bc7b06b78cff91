// A button that is on or off. It must not know what of.

export interface ToggleProps {
  name: string;
  hint?: string;
  on: boolean;
  off?: boolean;
  set: (on: boolean) => void;
}

export function Toggle({name, hint, on, off = false, set}: ToggleProps) {
  return <button type="button" title={hint ?? ""} aria-pressed={on} disabled={off} onClick={() => set(!on)}>{name}</button>;
}
