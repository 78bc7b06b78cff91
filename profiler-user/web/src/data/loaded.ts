// What is asked for while a component is there: loading, here, refused, or the agent is gone and asked again. It must not
// know what is asked.

import {useEffect, useRef, useState} from "preact/hooks";
import {Gone, type Refused} from "../api/client.ts";

export interface Loaded<Value> {
  /** The last answer; `null`: none yet. */
  value: Value | null;
  /** `value` answers an earlier question: the present one is under way. */
  stale: boolean;
  /** Why the last try failed. After [`Gone`] it is tried again. */
  error: Refused | Gone | Error | null;
}

export const NOTHING: Loaded<never> = {value: null, stale: true, error: null};
// Who waits for an agent to come back shall see it soon.
const LONGEST_PAUSE_MS = 5000;

/** Loads whenever `key` changes (`null`: nothing is asked), and again every so many milliseconds if that is given and
 *  somebody looks at the page. */
export function useLoaded<Value>(key: string | null, load: (signal: AbortSignal) => Promise<Value>, every = 0): Loaded<Value> {
  const [loaded, setLoaded] = useState<Loaded<Value>>(NOTHING);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    if (key === null) {
      setLoaded(NOTHING);
      return;
    }
    setLoaded((before) => ({...before, stale: true, error: null}));
    const abort = new AbortController();
    let timer = 0;
    let pause = 1000;
    const round = async () => {
      try {
        const value = await latest.current(abort.signal);
        if (abort.signal.aborted) return;
        setLoaded({value, stale: false, error: null});
        pause = 1000;
        if (every > 0) timer = window.setTimeout(next, every);
      } catch (error) {
        if (abort.signal.aborted) return;
        setLoaded((before) => ({...before, error: error as Error}));
        if (error instanceof Gone) {
          timer = window.setTimeout(round, pause);
          pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
        } else if (every > 0) timer = window.setTimeout(next, Math.max(every, 5000));
      }
    };
    // A page that nobody sees asks for nothing.
    const next = () => {
      if (document.hidden) document.addEventListener("visibilitychange", next, {once: true, signal: abort.signal});
      else void round();
    };
    void round();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, every]);
  return loaded;
}
