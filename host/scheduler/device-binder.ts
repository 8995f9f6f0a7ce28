import type { ResourceV1ResourceClaim, V1Pod } from "../api/generated/types.ts";
import { ResourceClaim } from "../api/registry.ts";
import { parseKey } from "../apimachinery/object.ts";
import type { Client } from "../client/client.ts";
import type { DeviceAllocation } from "./devices.ts";

/**
 * PreBind of DynamicResources: writes into each claim of a placed pod what it was given, and that the pod uses it. The
 * resourceVersion that was read goes along, so that of two schedulers only one allocates a claim.
 *
 * @returns when all are written; throws what the API answers
 */
export async function writeAllocations(
  client: Client,
  { metadata }: V1Pod,
  node: string,
  allocations: readonly DeviceAllocation[],
): Promise<void> {
  const user = { resource: "pods", name: metadata?.name ?? "", uid: metadata?.uid ?? "" };
  for (const { claim, devices } of allocations) {
    const { namespace = "", name } = parseKey(claim);
    const known: ResourceV1ResourceClaim = await client.get(ResourceClaim, { namespace, name });
    const { allocation, reservedFor = [] } = known.status ?? {};
    const isUser = reservedFor.some(({ uid }) => uid === user.uid);
    if (isUser && allocation !== undefined) continue;
    if (devices === undefined && allocation === undefined)
      throw new Error(`claim ${claim} is not allocated any more`);
    if (devices !== undefined && allocation !== undefined)
      throw new Error(`claim ${claim} got allocated elsewhere in the meantime`);
    const status = {
      ...known.status,
      allocation: allocation ?? allocationOf(devices!, node),
      reservedFor: isUser ? reservedFor : [...reservedFor, user],
    };
    await client.update(ResourceClaim, { ...known, status }, { subresource: "status" });
  }
}

/** To be used on the node only: also if others reach the devices, for which of them do is not kept. */
function allocationOf(devices: NonNullable<DeviceAllocation["devices"]>, node: string) {
  const name = { key: "metadata.name", operator: "In", values: [node] };
  return {
    devices: { results: devices.map((device) => ({ ...device })) },
    nodeSelector: { nodeSelectorTerms: [{ matchFields: [name] }] },
  };
}

/** In the words of the plugin's error. */
export function allocationFailed(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return `running PreBind plugin "DynamicResources": ${reason}`;
}
