// What is wrong, or why there is nothing to see: said in words, with what to do. It must not know the panes.

import {Gone, Refused} from "../api/client.ts";
import type {ServiceStatus} from "../api/schema.ts";
import type {Loaded} from "../data/loaded.ts";
import type {Profile} from "../data/profile.ts";
import {rangeInWords} from "../data/time.ts";
import type {View} from "../state/view.ts";

export interface NoticesProps {
  view: View;
  status: Loaded<ServiceStatus>;
  /** The view's profile; `null`: the pane does not show it. */
  profile: Loaded<Profile> | null;
  /** How many samples it has; `null`: not known. */
  samples: number | null;
}

function notice({view, status, profile, samples}: NoticesProps): {text: string; bad: boolean} | null {
  const agent = status.value;
  if (status.error instanceof Gone || profile?.error instanceof Gone) {
    const shown = profile?.value ? " What you see is from before." : "";
    return {text: `The agent does not answer. Trying again.${shown}`, bad: true};
  }
  if (status.error) return {text: status.error.message, bad: true};
  if (agent?.status === "failed") return {text: `Profiling has failed: ${agent.message ?? "see the agent's log"}`, bad: true};
  if (agent?.status === "starting") return {text: "The agent is starting.", bad: false};
  if (profile?.error instanceof Refused) return {text: profile.error.message, bad: true};
  if (profile?.error) return {text: `This page has failed: ${profile.error.message}`, bad: true};
  if (!profile) return null;
  if (!profile.value) return {text: "Loading.", bad: false};
  if (samples === 0) {
    const what = Object.keys(view.filters).length > 0 ? "by what the filters select" : "by any Python process";
    const wait = view.live ? " Waiting." : " Choose another range, or fewer filters.";
    return {text: `No CPU was used ${what} ${rangeInWords(view.range)}.${wait}`, bad: false};
  }
  return null;
}

export function Notices(props: NoticesProps) {
  const said = notice(props);
  return (
    <p class={said?.bad ? "notice bad" : "notice"} role="status" hidden={said === null}>
      {said?.text}
    </p>
  );
}
