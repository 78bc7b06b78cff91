// Made of docs/openapi.json by schema.mjs: do not edit.

/** Samples, and the CPU time that they stand for. */
export type Amount = {
  "cpu_seconds": number;
  "samples": number;
};

/** What became of a function. CPU seconds. */
export type ChangedFunction = {
  /** Of what the function itself used, right less left. */
  "change": number;
  /** Index in `frames`. */
  "frame": number;
  "left_self": number;
  "left_total": number;
  "right_self": number;
  "right_total": number;
  "self_confidence"?: Confidence | null;
  "total_confidence"?: Confidence | null;
};

/** Arrays of equal length. Parents come before their children. */
export type ChangedNodes = {
  /** Index in the frames that were sent; `null` for the root. */
  "frame": (number | null)[];
  /** The node's number; 0 is the root. */
  "id": number[];
  /** Number of the parent; 0 for the root. */
  "parent": number[];
  "self": number[];
  "total": number[];
};

/** The data of the events `profile` and `delta`. */
export type Changes = Head & {
  /** Frames to append to those that were sent before; with `profile` all that there are. */
  "frames": Frame[];
  /** Nodes that are new or have other numbers than before; with `profile` all that there are. */
  "nodes": ChangedNodes;
  /** Numbers of nodes that are not there any more. */
  "removed": number[];
};

/** The nodes of the call tree of all slices, in pre-order, children by name; arrays of equal length. Node 0 is the root. */
export type ChartNodes = {
  /** Index in `frames`; `null` for the root. */
  "frame": (number | null)[];
  /** Index in these arrays, smaller than the node's own; 0 for the root. */
  "parent": number[];
};

/** What ran in one slice of time; arrays of equal length. */
export type ChartSlice = {
  /** The leaf of each stack, as an index in `nodes`; each once, ascending. */
  "node": number[];
  /** Samples of each stack. */
  "samples": number[];
  "total": Amount;
};

/** Whether a change is one. It takes samples for independent: `docs/diff.md` says what that means. */
export type Confidence = {
  /** The upper end. */
  "high": number;
  /** The lower end of the 95 % interval of the change, CPU seconds. */
  "low": number;
  /** How probable it is to see as much change or more, if nothing has changed; corrected for the number of functions. */
  "p_corrected": number;
  /** `grew`, `shrank`, or `noise`: at this number of samples it may be chance. */
  "verdict": string;
};

/** Arrays of equal length; parents come before their children, node 0 is the root. CPU seconds. */
export type DiffNodes = {
  /** Index in `frames`; `null` for the root. */
  "frame": (number | null)[];
  "left_self": number[];
  "left_total": number[];
  /** Index in these arrays, smaller than the node's own; 0 for the root. */
  "parent": number[];
  "right_self": number[];
  "right_total": number[];
};

/** Two profiles in one tree, and the functions that changed most. */
export type Difference = {
  "frames": Frame[];
  /** Functions of either side, those whose own CPU time changed most first. */
  "functions": ChangedFunction[];
  "left": Side;
  /** What the left side's CPU seconds in `nodes` and `functions` were multiplied by, so that both sides weigh the same; 1 where they are as they are. */
  "left_factor": number;
  "nodes": DiffNodes;
  /** How many functions there are besides. */
  "other_functions": number;
  "right": Side;
};

/** Every answer that is not a success. */
export type Error = {
  /** What happened. */
  "error": string;
  /** What to do. */
  "hint": string;
};

/** A flame chart. Which stack of a slice came first is not known: they are in the order of the nodes, which is by name. */
export type FlameChart = {
  "complete_since_unix_seconds": number;
  "frames": Frame[];
  "nodes": ChartNodes;
  /** By time, also those in which nothing ran. */
  "slices": ChartSlice[];
  /** When the first slice begins. */
  "start_unix_seconds": number;
  /** Of a slice; the last one may be cut off by the end of the range. */
  "step_seconds": number;
  "total": Amount;
};

/** A function, a process, a thread, or a reason why there is none. */
export type Frame = {
  "file"?: string | null;
  "first_line"?: number | null;
  /** `python`, `kernel`, `other`, `process`, `thread`, `interpreter`, `unknown`, `truncated` or `pruned`. */
  "kind": string;
  "line"?: number | null;
  /** The Python module that the file is, dotted, as far as its path tells; `kernel` for kernel frames. As in the store. */
  "module"?: string | null;
  "name": string;
  /** `own`, `package`, `library`, `kernel`, `label` or `unknown`. */
  "origin": string;
  /** As in the flame graph and the folded stacks. */
  "text": string;
};

/** One line of a chart. */
export type Group = {
  /** CPU time of each step. */
  "cpu_seconds": number[];
  /** By name; empty where the series have none. */
  "labels": Record<string, string>;
  /** Samples of each step. */
  "samples": number[];
  "total": Amount;
};

/** What a profile is of, and how much it is. */
export type Head = {
  /** From this time on nothing that was sampled is missing. */
  "complete_since_unix_seconds": number;
  /** What was really covered: less than asked for if the agent has not run that long. */
  "duration_seconds": number;
  /** Samples a second and CPU; 0 where it was not always the same. */
  "frequency_hertz": number;
  "start_unix_seconds": number;
  "subject": string;
  "total": Amount;
  "unattributed": Unattributed;
};

/** `/healthz` and `/readyz`. */
export type Health = {
  "status": string;
};

/** Samples by second and part of a second. */
export type Heat = {
  /** For each second the samples in each of its parts. */
  "columns": (number[])[];
  /** Before this time samples may be missing: milliseconds are stored for a day or two, counts for longer. */
  "complete_since_unix_seconds": number;
  /** The largest number in `columns`. */
  "most": number;
  "part_milliseconds": number;
  /** Parts of a second, from its beginning on. */
  "parts": number;
  /** Samples in all columns. */
  "samples": number;
  /** When the first column begins. */
  "start_unix_seconds": number;
};

/** A label. */
export type LabelName = {
  "name": string;
  /** Whether every series has it; else a process gave it itself. */
  "standard": boolean;
};

/** Names of labels. */
export type LabelNames = {
  /** Those that every series has, and then those that processes gave themselves. */
  "labels": LabelName[];
};

/** Values of a label. */
export type LabelValues = {
  "complete_since_unix_seconds": number;
  "name": string;
  /** Those that are not listed. */
  "other": OtherValues;
  /** The largest first. */
  "values": unknown[];
  /** What was used by series that have no such label. */
  "without": Amount;
};

/** What may be asked for at once. */
export type Limits = {
  "computation_seconds": number;
  "computations_at_once": number;
  /** Seconds times parts. */
  "heatmap_cells": number;
  "heatmap_seconds": number;
  "live_streams": number;
  "processes": number;
  "range_seconds": number;
};

/** Connections to `/api/v1/live`. */
export type LiveStreams = {
  /** That were ended since the start because they did not take what was sent. */
  "cut_off": number;
  "open": number;
};

/** What memory has. */
export type Memory = {
  /** From this time on everything is there. */
  "complete_since_unix_seconds": number;
  /** Samples whose milliseconds, which heat maps are made of, went before their time to make room. */
  "dropped_milliseconds": number;
  /** Samples whose seconds went before their time to make room. */
  "dropped_samples": number;
  "entries": number;
  /** Samples that are kept, though not under their own stack, because tables were full. */
  "folded_samples": number;
  "frames": number;
  "retention_seconds": number;
  "series": number;
  "stack_nodes": number;
  /** Samples that are stored without their milliseconds, for lack of room on the way. */
  "unstored_milliseconds": number;
};

/** The nodes of a call tree: arrays of equal length. */
export type Nodes = {
  /** Index in `frames`; `null` for the root. */
  "frame": (number | null)[];
  /** Index in these arrays, smaller than the node's own; 0 for the root. */
  "parent": number[];
  /** Samples of the node alone. */
  "self": number[];
  /** Samples of the node and all that is above it. Children that are too small to be listed are in it. */
  "total": number[];
};

/** Functions that are not listed. Their totals have no sum: they call each other. */
export type OtherFunctions = {
  "functions": number;
  "self": Amount;
};

/** What is not listed, summed. */
export type OtherGroups = {
  /** CPU time of each step; empty if there are none. */
  "cpu_seconds": number[];
  /** How many groups. */
  "groups": number;
  /** Samples of each step; empty if there are none. */
  "samples": number[];
  "total": Amount;
};

/** Values that are not listed. */
export type OtherValues = Amount & {
  "values": number;
};

/** A process. */
export type Process = {
  /** Those listed here whose parent it is. */
  "children": number[];
  "command": string;
  "container"?: string | null;
  "cpu_seconds": number;
  /** CPU seconds a second of late: 1 is one whole CPU. */
  "cpu_share": number;
  /** Its labels besides pid, command and Python version, by name; those that it has. */
  "labels": Record<string, string>;
  /** The process that it is a child of, listed here or not; `null` where it has none, or that is not known. */
  "parent_pid"?: number | null;
  "pid": number;
  "python_version"?: string | null;
  /** Label and text of the reason why it is not profiled. */
  "reason"?: string | null;
  "reason_text"?: string | null;
  "samples": number;
  "service"?: string | null;
  "since_unix_seconds": number;
  /** `profiled`, `pending`, `unsupported`, `failed`, … */
  "state": string;
  "threads": number;
  "unit"?: string | null;
  "user"?: string | null;
};

/** The processes that the agent knows. */
export type Processes = {
  "frequency_hertz": number;
  /** Why it failed. */
  "message"?: string | null;
  /** By id. */
  "processes": Process[];
  "retention_seconds": number;
  /** Seconds over which `cpu_share` is taken. */
  "share_seconds": number;
  /** `starting`, `ready` or `failed`. */
  "status": string;
  "version": string;
};

/** A call tree. `nodes` are arrays of equal length in pre-order, node 0 is the root. */
export type ProfileTree = Head & {
  "frames": Frame[];
  "nodes": Nodes;
};

/** CPU time over time, apart by labels. */
export type Series = {
  "complete_since_unix_seconds": number;
  /** Those that used most, the largest first. */
  "groups": Group[];
  /** Those that are not listed. */
  "other": OtherGroups;
  /** Steps; the last one may be cut off by the end of the range. */
  "points": number;
  /** When the first step begins. */
  "start_unix_seconds": number;
  "step_seconds": number;
};

/** What the service is, what it has, and what may be asked of it. */
export type ServiceStatus = {
  "frequency_hertz": number;
  "limits": Limits;
  "live_streams": LiveStreams;
  /** Whether a token is asked for: then a browser has a session, which `POST /logout` ends. */
  "login": boolean;
  "memory": Memory;
  /** Why it failed. */
  "message"?: string | null;
  "now_unix_seconds": number;
  /** Whether `/api/v1/source` shows source files: `no`, `public` (those that everybody may read, as nobody is asked for a token) or `all` (those that their process may read). */
  "source": string;
  "started_unix_seconds": number;
  /** `starting`, `ready` or `failed`. */
  "status": string;
  "store"?: Stored | null;
  "version": string;
};

/** One side of a difference. */
export type Side = {
  "complete_since_unix_seconds": number;
  "duration_seconds": number;
  "start_unix_seconds": number;
  "total": Amount;
};

/** A source file as a process sees it. */
export type SourceFile = {
  /** Bytes of the file; the text may have another number. */
  "bytes": number;
  /** As it was asked for. */
  "file": string;
  /** If that is later than the process's start, the text may not be what runs. */
  "modified_unix_seconds": number;
  "pid": number;
  "text": string;
};

/** What is stored. */
export type Stored = {
  /** From this time on everything is there. */
  "complete_since_unix_seconds": number;
};

/** One function. */
export type TopFunction = {
  "frame": Frame;
  /** In the function itself. */
  "self": Amount;
  /** In it and what it calls; a recursion counts once. */
  "total": Amount;
};

/** Functions that use most. */
export type TopFunctions = {
  "complete_since_unix_seconds": number;
  "duration_seconds": number;
  /** The largest first. */
  "functions": TopFunction[];
  /** Those that are not listed. */
  "other": OtherFunctions;
  "start_unix_seconds": number;
  "total": Amount;
};

/** What is not attributed to a whole, named Python stack. */
export type Unattributed = Amount & {
  /** Largest first. */
  "reasons": WireReason[];
};

/** How much is not attributed for one reason. */
export type WireReason = Amount & {
  "reason": string;
  "text": string;
};
