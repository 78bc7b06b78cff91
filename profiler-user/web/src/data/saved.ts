// The profile inside a page that was saved to a file: then there is no agent to ask. It must not know how it is shown.

import type * as schema from "../api/schema.ts";
import {ofDifference, ofProfile, type Profile} from "./profile.ts";

/** The element that has it. */
export const SAVED_ID = "firetower-profile";

/** The profile of a saved page; `null`: this page is an agent's. */
export function savedProfile(page: Document): Profile | null {
  const text = page.getElementById(SAVED_ID)?.textContent;
  if (!text) return null;
  const saved = JSON.parse(text) as schema.ProfileTree | schema.Difference;
  return "left" in saved ? ofDifference(saved) : ofProfile(saved);
}
