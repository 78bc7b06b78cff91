// A call tree out of folded stacks, as the peers of the viewer have it: names and values, nested. It must not know who
// draws it.

export interface Nested {
  name: string;
  value: number;
  children: Nested[];
}

/** The tree of lines `a;b;c 12`. */
export function nested(folded: string): Nested {
  const root: Nested = {name: "all", value: 0, children: []};
  const children = new Map<Nested, Map<string, Nested>>();
  for (const line of folded.split("\n")) {
    const space = line.lastIndexOf(" ");
    if (space < 0) continue;
    const samples = Number(line.slice(space + 1));
    let at = root;
    at.value += samples;
    for (const name of line.slice(0, space).split(";")) {
      let known = children.get(at);
      if (!known) children.set(at, (known = new Map()));
      let child = known.get(name);
      if (!child) {
        child = {name, value: 0, children: []};
        known.set(name, child);
        at.children.push(child);
      }
      child.value += samples;
      at = child;
    }
  }
  return root;
}
