import type { V1PersistentVolume, V1Pod, V1VolumeAttachment } from "../../../api/generated/types.ts";
import type { Kind } from "../../../api/kind.ts";
import { PersistentVolume, Pod, VolumeAttachment } from "../../../api/registry.ts";
import type { Api } from "../../api.ts";
import { follow } from "../follow.ts";
import { podReferences, referenceKey } from "./pod-references.ts";

const MIRROR = "kubernetes.io/config.mirror";

/**
 * Which node needs which object, through the pods bound to it:
 *
 *   node ◄── pod ◄── secret, configmap, claim, account        node ◄── volumeattachment
 *                    claim ◄── volume ◄── secret of its driver
 *
 * Kept as counts: "secrets/default/db" -> node -> how many pods need it there. A volume is found through its claim. It is filled when
 * the first node asks over the wire, and is as large as what the pods refer to.
 */
export class NodeGraph {
  readonly #api: Pick<Api, "objects">;
  readonly #needed = new Map<string, Map<string, number>>();
  /** persistentvolumes/<name> and its secrets -> the claim it serves. */
  readonly #claimed = new Map<string, Map<string, number>>();
  #filling: Promise<void> | undefined;
  #cancels: (() => void)[] = [];

  constructor(api: Pick<Api, "objects">) {
    this.#api = api;
  }

  /** Resolves when it can be asked. */
  filled(): Promise<void> {
    this.#filling ??= this.#fill();
    return this.#filling;
  }

  stop(): void {
    this.#forget();
  }

  /** Whether something bound to the node needs the object. */
  reaches(node: string, plural: string, namespace: string, name: string): boolean {
    const key = referenceKey(plural, namespace, name);
    if (this.#needed.get(key)?.has(node)) return true;
    for (const claim of this.#claimed.get(key)?.keys() ?? [])
      if (this.#needed.get(claim)?.has(node)) return true;
    return false;
  }

  async #fill(): Promise<void> {
    const api = this.#api;
    const ended = () => this.#forget();
    const counted = (table: Map<string, Map<string, number>>, edges: (object: never) => Iterable<Edge>) => ({
      put: (object: object, previous: object | undefined) => {
        // Bound once, a pod's references stay; its status changes often.
        if (previous !== undefined && sameEdges(edges(previous as never), edges(object as never))) return;
        if (previous !== undefined) for (const edge of edges(previous as never)) count(table, edge, -1);
        for (const edge of edges(object as never)) count(table, edge, 1);
      },
      remove: (previous: object) => {
        for (const edge of edges(previous as never)) count(table, edge, -1);
      },
      ended,
    });
    try {
      this.#cancels = await Promise.all([
        follow(api, Pod as unknown as Kind, counted(this.#needed, podEdges)),
        follow(api, VolumeAttachment as unknown as Kind, counted(this.#needed, attachmentEdges)),
        follow(api, PersistentVolume as unknown as Kind, counted(this.#claimed, volumeEdges)),
      ]);
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  #forget(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
    this.#filling = undefined;
    this.#needed.clear();
    this.#claimed.clear();
  }
}

/** What is needed, and by whom. */
type Edge = readonly [needed: string, by: string];

function podEdges(pod: V1Pod): Edge[] {
  const node = pod.spec?.nodeName;
  // A mirror pod says what a node already runs; it could say anything.
  if (!node || pod.metadata?.annotations?.[MIRROR] !== undefined) return [];
  const { namespace = "", name = "" } = pod.metadata ?? {};
  const references = [...podReferences(pod), referenceKey("pods", namespace, name)];
  return references.map((key): Edge => [key, node]);
}

function attachmentEdges({ metadata, spec }: V1VolumeAttachment): Edge[] {
  if (!spec.nodeName) return [];
  return [[referenceKey("volumeattachments", "", metadata?.name ?? ""), spec.nodeName]];
}

function volumeEdges({ metadata, spec }: V1PersistentVolume): Edge[] {
  const { namespace = "", name = "" } = spec?.claimRef ?? {};
  if (name === "") return [];
  const claim = referenceKey("persistentvolumeclaims", namespace, name);
  const { azureFile, cephfs, cinder, csi, flexVolume, iscsi, rbd, scaleIO, storageos } = spec ?? {};
  const secrets = [cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos]
    .map((driver) => driver?.secretRef)
    .concat([csi?.nodePublishSecretRef, csi?.nodeStageSecretRef, csi?.nodeExpandSecretRef]);
  if (azureFile !== undefined)
    secrets.push({ name: azureFile.secretName, namespace: azureFile.secretNamespace });
  return [
    [referenceKey("persistentvolumes", "", metadata?.name ?? ""), claim],
    ...secrets.flatMap((one): Edge[] =>
      one?.name ? [[referenceKey("secrets", one.namespace || namespace, one.name), claim]] : [],
    ),
  ];
}

function sameEdges(a: Iterable<Edge>, b: Iterable<Edge>): boolean {
  return JSON.stringify([...a]) === JSON.stringify([...b]);
}

function count(table: Map<string, Map<string, number>>, [needed, by]: Edge, change: 1 | -1): void {
  let users = table.get(needed);
  if (users === undefined) {
    users = new Map();
    table.set(needed, users);
  }
  const next = (users.get(by) ?? 0) + change;
  if (next > 0) users.set(by, next);
  else users.delete(by);
  if (users.size === 0) table.delete(needed);
}
