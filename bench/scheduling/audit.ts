import type { V1Node, V1Pod } from "../../host/api/generated/types.ts";
import { milliValue, parseQuantity } from "../../host/apimachinery/quantity.ts";

const RESOURCES = ["cpu", "memory"];

/**
 * What the API shows when a run is over: a rate is worth something only if every measured pod has a node, and no node more
 * than it offers.
 *
 * @param names     the measured pods
 * @param everHere  names of all nodes there ever were: some go while the clock runs
 * @throws Error that names the first pod or node at fault
 */
export function audit(
  nodes: readonly V1Node[],
  pods: readonly V1Pod[],
  names: ReadonlySet<string>,
  everHere: ReadonlySet<string>,
): void {
  const measured = pods.filter(({ metadata }) => names.has(metadata?.name ?? ""));
  if (measured.length !== names.size)
    throw new Error(`the API shows ${measured.length} of ${names.size} measured pods`);
  const free = new Map(nodes.map((node) => [node.metadata!.name!, roomOf(node)]));
  for (const pod of measured)
    if (!pod.spec?.nodeName) throw new Error(`pod ${pod.metadata?.name} has no node`);
  for (const { metadata, spec } of pods) {
    if (!spec?.nodeName) continue;
    if (!everHere.has(spec.nodeName))
      throw new Error(`pod ${metadata?.name} is on a node that never was: ${spec.nodeName}`);
    const room = free.get(spec.nodeName);
    if (room === undefined) continue;
    room.pods -= 1;
    for (const name of RESOURCES)
      for (const { resources } of spec.containers)
        room[name]! -= amount(resources?.requests as Record<string, string>, name);
    if (Object.values(room).some((left) => left < 0)) throw new Error(`node ${spec.nodeName} has too much`);
  }
}

function roomOf({ status }: V1Node): Record<string, number> & { pods: number } {
  const allocatable = status?.allocatable as Record<string, string>;
  const rooms = Object.fromEntries(RESOURCES.map((name) => [name, amount(allocatable, name)]));
  return { ...rooms, pods: Number(allocatable["pods"]) };
}

/** In thousandths: exact for what the shapes ask for. */
function amount(amounts: Record<string, string> | undefined, name: string): number {
  const text = amounts?.[name];
  return text === undefined ? 0 : Number(milliValue(parseQuantity(text)));
}
