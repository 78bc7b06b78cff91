// Functions of a tree: which frames are of the same, and what each uses. It must not know how they are listed.

import type {Frame} from "./tree.ts";

/** The same for all lines of a function: name and file. Labels (a process, a thread) are by their text. */
export function functionKey(frame: Frame): string {
  return frame.file === "" ? frame.text : `${frame.name} (${frame.file})`;
}
