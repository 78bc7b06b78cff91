// Numbers as they are shown everywhere. It must not know what they count.

/** `12.3 %`; small ones with another digit. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return "–";
  const value = 100 * share;
  return `${value.toFixed(value !== 0 && Math.abs(value) < 10 ? 2 : 1)} %`;
}

/** CPU time: `1.23 s`, `4.5 ms`, `2 h 3 min`. */
export function cpu(seconds: number): string {
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 0.0995) return `${(1000 * seconds).toFixed(size < 0.00995 ? 2 : 1)} ms`;
  if (size < 120) return `${seconds.toFixed(2)} s`;
  if (size < 7200) return `${(seconds / 60).toFixed(1)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** `1 sample`, `12,345 samples`. */
export function samples(count: number): string {
  return `${count.toLocaleString("en", {maximumFractionDigits: 0})} sample${count === 1 ? "" : "s"}`;
}
