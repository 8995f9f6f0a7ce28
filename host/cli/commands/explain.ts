import { Command } from "commander";
import type { V1Pod } from "../../api/generated/types.ts";
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import * as kinds from "../../api/registry.ts";
import { isReason } from "../../apimachinery/errors.ts";
import { objectKey } from "../../apimachinery/object.ts";
import type { Client } from "../../client/client.ts";
import type { Explanation } from "../../scheduler/library.ts";
import { outputFlag, readKubeconfigFlag } from "../flags.ts";
import { explanationTable } from "../output/explanation.ts";
import { findKubeconfig, readKubeconfig } from "../read-kubeconfig.ts";

interface Flags {
  readonly namespace: string;
  readonly kubeconfig?: string;
  readonly output: string;
}

/** What decisions read beside nodes and pods. */
const READ_BY_DECISIONS: readonly Kind[] = [
  kinds.Namespace,
  kinds.Service,
  kinds.ReplicationController,
  kinds.ReplicaSet,
  kinds.StatefulSet,
  kinds.PersistentVolume,
  kinds.PersistentVolumeClaim,
  kinds.StorageClass,
  kinds.CSINode,
  kinds.CSIDriver,
  kinds.CSIStorageCapacity,
  kinds.VolumeAttachment,
  kinds.ResourceClaim,
  kinds.ResourceSlice,
  kinds.DeviceClass,
  kinds.PodDisruptionBudget,
  kinds.PriorityClass,
];

/** `pintle explain pod NAME`: why each node would be chosen or not, as the cluster stands now. JSON: an Explanation. */
export function explainCommand(): Command {
  const pod = new Command("pod")
    .description("per node: which filter refuses the pod and why, or each plugin's score; and the choice")
    .argument("<name>", "the pod, waiting or bound")
    .option("-n, --namespace <namespace>", "where it is", "default")
    .addOption(readKubeconfigFlag())
    .addOption(outputFlag("json"))
    .action(explainPod);
  return new Command("explain").description("why a pod is where it is").helpCommand(false).addCommand(pod);
}

async function explainPod(name: string, { namespace, kubeconfig, output }: Flags): Promise<void> {
  const access = await readKubeconfig(findKubeconfig(kubeconfig));
  const { createHttpClient } = await import("../../client/http-client.ts");
  const client = createHttpClient(access);
  try {
    const [pod, explanation] = await explain(client, namespace, name);
    process.stdout.write(
      output === "json"
        ? `${JSON.stringify(explanation)}\n`
        : explanationTable(explanation, pod.spec?.nodeName),
    );
  } finally {
    client.close();
  }
}

/** Asks a scheduler of our own that sees the cluster as it stands, without the pod itself if it is bound. */
async function explain(client: Client, namespace: string, name: string): Promise<[V1Pod, Explanation]> {
  const [pod, nodes, pods, others, { createScheduler }] = await Promise.all([
    client.get(kinds.Pod, { namespace, name }),
    client.list(kinds.Node),
    client.list(kinds.Pod),
    Promise.all(READ_BY_DECISIONS.map((kind) => listed(client, kind))),
    import("../../scheduler/library.ts"),
  ]);
  // One question: a worker would take longer to start than to answer.
  const scheduler = await createScheduler({ thread: "caller" });
  try {
    for (const object of others.flat()) scheduler.addObject(object);
    for (const node of nodes.items) scheduler.addNode(node);
    for (const other of pods.items)
      if (other.spec?.nodeName && objectKey(other) !== objectKey(pod)) scheduler.addPod(other);
    const { nodeName: _, ...spec } = pod.spec!;
    return [pod, await scheduler.explain({ ...pod, spec })];
  } finally {
    await scheduler.close();
  }
}

/** The objects of a kind, named as single objects are: a list's items do not say their kind. */
async function listed(client: Client, kind: Kind) {
  try {
    const { items } = await client.list(kind);

    return items.map((item) => ({ ...item, kind: kind.kind, apiVersion: apiVersionOf(kind) }));
  } catch (error) {
    // A cluster that does not serve a kind has no objects of it.
    if (isReason(error, "NotFound")) return [];
    throw error;
  }
}
