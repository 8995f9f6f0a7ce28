import type { Placement, Unscheduled } from "../../simulation/place.ts";
import { renderTable } from "./table.ts";

/** Unplaced pods that the table names one by one for each message; the JSON has them all. */
const MAX_NAMES = 5;

/** The JSON of the contract, a line for each pod, in pieces; `notes` beside it where there is something to say. */
export function* simulationJson(
  { placements, unscheduled, stats }: Placement,
  notes: readonly string[],
): Generator<string> {
  yield '{"placements":[';
  yield* items(placements);
  yield '],"unscheduled":[';
  yield* items(unscheduled);
  const noted = notes.length === 0 ? "" : `,"notes":${JSON.stringify(notes)}`;
  yield `],"stats":${JSON.stringify(stats)}${noted}}\n`;
}

function* items(list: readonly object[]): Generator<string> {
  for (const [i, item] of list.entries()) yield `${i === 0 ? "\n" : ",\n"}${JSON.stringify(item)}`;
  if (list.length > 0) yield "\n";
}

/**
 * Who is where, who is nowhere and why, and how full the nodes are:
 *
 *   NODE   PODS   WHICH
 *   a      2      default/web-0, default/web-2
 *
 *   placed 2 of 3 pods on 1 of 2 nodes
 */
export function* simulationTable(placement: Placement, notes: readonly string[]): Generator<string> {
  const { placements, unscheduled, stats } = placement;
  const nodes = groupBy(placements, ({ node }) => node);
  const rows = [...nodes].map(([node, pods]) => [node, String(pods.length), firstOf(pods)]);
  if (rows.length > 0) yield `${renderTable(["NODE", "PODS", "WHICH"], rows)}\n`;
  for (const [message, pods] of groupBy(unscheduled, ({ message }) => message))
    yield `unscheduled: ${pods.length}: ${firstOf(pods)}\n  ${message}\n${roomFor(pods)}\n`;
  yield `${renderTable(
    ["RESOURCE", "ALLOCATED", "FREE BUT FRAGMENTED"],
    Object.entries(stats.allocated).map(([name, ratio]) => [
      name,
      percent(ratio),
      percent(stats.fragmentation[name] ?? 0),
    ]),
  )}\n`;
  yield `placed ${stats.placed} of ${stats.pods} pods on ${nodes.size} of ${stats.nodes} nodes\n`;
  for (const note of notes) yield `note: ${note}\n`;
}

/** Who would have to go for pods that preemption would help; these are nominated, and keep others from the room. */
function roomFor(pods: readonly Unscheduled[]): string {
  const helped = pods.filter(({ preemption }) => preemption !== undefined);
  return helped
    .slice(0, MAX_NAMES)
    .map(
      ({ pod, preemption }) =>
        `  ${pod} would fit on ${preemption!.node} without ${preemption!.victims.join(", ")}\n`,
    )
    .join("");
}

function firstOf(pods: readonly { readonly pod: string }[]): string {
  const names = pods.slice(0, MAX_NAMES).map(({ pod }) => pod);
  return pods.length > MAX_NAMES
    ? `${names.join(", ")}, and ${pods.length - MAX_NAMES} more`
    : names.join(", ");
}

function percent(ratio: number): string {
  return `${(100 * ratio).toFixed(2)} %`;
}

/** Groups in the order of their first members. (Map.groupBy is not in Node 20.) */
function groupBy<T>(list: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of list) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}
