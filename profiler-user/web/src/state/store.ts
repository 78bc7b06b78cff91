// The one place where the view is held. Whoever changes it says whether "back" should lead to what was before. It must
// not know what a view means.

import {useEffect, useState} from "preact/hooks";
import {format, parse, type View} from "./view.ts";

type Listener = (view: View) => void;

/** Whether a change is a step that "back" undoes, or follows from the last one (typing, a moved slider). */
export type Step = "push" | "replace";

export class Store {
  #view: View;
  readonly #listeners = new Set<Listener>();

  constructor(private readonly page: Pick<Window, "location" | "history" | "addEventListener">) {
    this.#view = parse(page.location.search);
    page.addEventListener("popstate", () => this.#tell(parse(page.location.search)));
  }

  get view(): View {
    return this.#view;
  }

  set(change: Partial<View>, step: Step = "push"): void {
    const view = {...this.#view, ...change};
    const query = format(view);
    if (query === format(this.#view)) return;
    const address = query === "" ? this.page.location.pathname : `?${query}`;
    if (step === "push") this.page.history.pushState(null, "", address);
    else this.page.history.replaceState(null, "", address);
    // As the address says it: so that nothing can be seen that it does not say.
    this.#tell(parse(query));
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(view: View): void {
    this.#view = view;
    for (const listener of this.#listeners) listener(view);
  }
}

/** The view, in a component. */
export function useView(store: Store): View {
  const [view, setView] = useState(store.view);
  useEffect(() => {
    setView(store.view);
    return store.subscribe(setView);
  }, [store]);
  return view;
}
