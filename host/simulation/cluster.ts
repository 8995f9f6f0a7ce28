import type { V1Node, V1Pod, V1PriorityClass } from "../api/generated/types.ts";
import { controllerOf, type KubernetesObject, objectKey } from "../apimachinery/object.ts";
import { InputError } from "./input-error.ts";
import type { Manifest, Manifests } from "./manifests.ts";
import { resolvePriority } from "./priority.ts";
import { expand, isWorkload, MAX_PODS } from "./workloads.ts";

/** Something of the input, and the file it comes from. */
export interface Given<T> {
  readonly path: string;
  readonly object: T;
}

/** What is to be placed, and where. */
export interface SimulatedCluster {
  readonly nodes: readonly Given<V1Node>[];
  /** In the order of the input; those of a workload where the workload stands. */
  readonly pods: readonly Given<V1Pod>[];
  /** Everything else that decisions may read. */
  readonly objects: readonly Given<KubernetesObject>[];
}

/**
 * Sorts the objects of the input, and expands workloads to pods. A workload whose ReplicaSets or pods are given too (the
 * dump of a cluster) is not expanded: they are its pods. Pods that have ended are left out.
 *
 * @param trace  nodes and pods that come after those of the manifests
 * @throws InputError for an object that is given twice, or a pod bound to a node that is not given
 */
export function buildCluster({ all }: Manifests, trace?: SimulatedCluster): SimulatedCluster {
  refuseTwins(all);
  const of = <T extends KubernetesObject>(kind: string) =>
    all.filter((one) => one.kind.kind === kind).map(({ path, object }) => ({ path, object: object as T }));
  const nodes = [...of<V1Node>("Node"), ...(trace?.nodes ?? [])];
  const classes = of<V1PriorityClass>("PriorityClass").map(({ object }) => object);
  const owners = new Set(all.map(({ object }) => ownerKey(object)).filter((key) => key !== undefined));
  const prefixes = new Set<string>();
  const pods: Given<V1Pod>[] = [];
  const objects: Given<KubernetesObject>[] = [];
  for (const manifest of all) {
    const { path, object } = manifest;
    if (manifest.kind.kind === "Node") continue;
    if (manifest.kind.kind === "Pod") pods.push({ path, object: object as V1Pod });
    else if (isWorkload(manifest) && !owners.has(keyOf(object))) {
      const expansion = expand(
        manifest,
        freePrefix(manifest, prefixes),
        nodes.map((one) => one.object),
      );
      for (const pod of expansion.pods) pods.push({ path, object: pod });
      for (const other of expansion.objects) objects.push({ path, object: other });
    } else objects.push({ path, object });
    if (pods.length > MAX_PODS)
      throw new InputError(`${path}: more than ${MAX_PODS} pods: a simulation takes no more`);
  }
  const running = [...pods, ...(trace?.pods ?? [])].filter(({ object }) => !hasEnded(object));
  const named = nameGenerated(running).map(({ path, object }) => ({
    path,
    object: resolvePriority(object, classes, path),
  }));
  refuseTwinNames(nodes, "nodes");
  refuseTwinNames(named, "pods");
  refuseUnknownNodes(named, new Set(nodes.map(({ object }) => object.metadata!.name!)));
  return { nodes, pods: named, objects };
}

function keyOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`;
}

/** Whose child an object is; undefined for none. */
function ownerKey(object: KubernetesObject): string | undefined {
  const owner = controllerOf(object);
  return owner && `${owner.kind} ${object.metadata?.namespace ?? ""}/${owner.name}`;
}

/** The workload's name; with its kind behind it where another workload has taken the name: `web`, then `web-statefulset`. */
function freePrefix({ kind, object }: Manifest, taken: Set<string>): string {
  const { namespace, name } = object.metadata!;
  const own = name || (object.metadata?.generateName ?? "").replace(/-$/, "");
  const prefix = taken.has(`${namespace}/${own}`) ? `${own}-${kind.singular}` : own;
  taken.add(`${namespace}/${prefix}`);
  return prefix;
}

function hasEnded({ status }: V1Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** A server appends five random letters to generateName; here it is a number, so that names are the same each time. */
function nameGenerated(pods: readonly Given<V1Pod>[]): Given<V1Pod>[] {
  const counts = new Map<string, number>();
  return pods.map(({ path, object }) => {
    const { name, generateName = "", namespace } = object.metadata!;
    if (name) return { path, object };
    const key = `${namespace}/${generateName}`;
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    return { path, object: { ...object, metadata: { ...object.metadata, name: `${generateName}${count}` } } };
  });
}

function refuseTwins(all: readonly Manifest[]): void {
  const named = all.filter(({ object }) => object.metadata?.name);
  const seen = new Map<string, string>();
  for (const { path, kind, object } of named) {
    const key = `${kind.group} ${keyOf(object)}`;
    const other = seen.get(key);
    if (other !== undefined)
      throw new InputError(`${path}: ${kind.plural} "${objectKey(object)}" is given twice; also in ${other}`);
    seen.set(key, path);
  }
}

function refuseTwinNames(given: readonly Given<KubernetesObject>[], plural: string): void {
  const seen = new Map<string, string>();
  for (const { path, object } of given) {
    const key = objectKey(object);
    const other = seen.get(key);
    if (other !== undefined)
      throw new InputError(`${path}: ${plural} "${key}" is given twice; also in ${other}`);
    seen.set(key, path);
  }
}

function refuseUnknownNodes(pods: readonly Given<V1Pod>[], nodes: ReadonlySet<string>): void {
  for (const { path, object } of pods) {
    const node = object.spec?.nodeName;
    if (node && !nodes.has(node))
      throw new InputError(
        `${path}: Pod "${objectKey(object)}": spec.nodeName: Not found: "${node}" is not among the given nodes`,
      );
  }
}
