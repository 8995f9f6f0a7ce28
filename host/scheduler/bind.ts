import type { V1Binding, V1Pod } from "../api/generated/types.ts";
import { Pod } from "../api/registry.ts";
import type { Client } from "../client/client.ts";

/** Gives the pod its node: POST to pods/binding, with the pod's uid, so that a new pod of that name is never bound. */
export async function bind(client: Client, pod: V1Pod, node: string): Promise<void> {
  const { namespace = "", name = "", uid } = pod.metadata ?? {};
  const binding: V1Binding = {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { namespace, name, ...(uid === undefined ? {} : { uid }) },
    target: { kind: "Node", name: node },
  };
  await client.createSubresource(Pod, { namespace, name }, "binding", binding);
}
