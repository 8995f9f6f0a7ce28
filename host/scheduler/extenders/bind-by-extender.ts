import type { V1Pod } from "../../api/generated/types.ts";
import { Pod } from "../../api/registry.ts";
import { isReason } from "../../apimachinery/errors.ts";
import type { Client } from "../../client/client.ts";
import type { HttpExtender } from "./http-extender.ts";

/**
 * Lets an extender bind a pod, and looks whether it has: a pod that was only said to be bound would wait for ever.
 *
 * @throws Error in the words of the extender, or about it
 */
export async function bindByExtender(
  client: Client,
  extender: HttpExtender,
  pod: V1Pod,
  node: string,
): Promise<void> {
  await extender.bind(pod, node);
  const { namespace = "", name = "", uid } = pod.metadata ?? {};
  let now: V1Pod;
  try {
    now = await client.get<V1Pod>(Pod, { namespace, name });
  } catch (error) {
    // Gone: nobody has to be bound any more.
    if (isReason(error, "NotFound")) return;
    throw error;
  }
  if (now.metadata?.uid === uid && !now.spec?.nodeName)
    throw new Error(`extender at URL ${extender.configuration.urlPrefix} has not bound the pod`);
}
