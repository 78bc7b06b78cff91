// What the person's screen and system are like, as components see it.

import {useEffect, useState} from "preact/hooks";

function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => window.matchMedia(query).matches);
  useEffect(() => {
    const media = window.matchMedia(query);
    const changed = () => setMatches(media.matches);
    changed();
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, [query]);
  return matches;
}

export function useDark(): boolean {
  return useMedia("(prefers-color-scheme: dark)");
}
