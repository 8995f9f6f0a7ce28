import type {
  V1ReplicaSet,
  V1ReplicationController,
  V1Service,
  V1StatefulSet,
} from "../api/generated/types.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import {
  type LabelSelector,
  type Labels,
  labelSelectorFromMap,
  labelSelectorFromObject,
  matches,
} from "../apimachinery/selectors.ts";
import type { PodTopology } from "./topology-facts.ts";

/** What a change of such an object can change: nothing, the default constraints of a namespace, or who is in a namespace. */
export type ObjectChange = "nothing" | { readonly defaultsOf: string } | "namespaces";

const KINDS = [
  "v1/Namespace",
  "v1/Service",
  "v1/ReplicationController",
  "apps/v1/ReplicaSet",
  "apps/v1/StatefulSet",
];

/** Services, the owners of pods, and namespaces: what decisions read besides nodes and pods. */
export class ClusterObjects {
  readonly #namespaces = new Map<string, Labels>();
  /** Of each namespace, selectors of its Services by name. */
  readonly #services = new Map<string, Map<string, Labels>>();
  /** By apiVersion/kind/namespace/name. */
  readonly #owners = new Map<string, LabelSelector>();
  /** What each of them said last: a status that changes is none of our business. */
  readonly #read = new Map<string, string>();

  put(object: KubernetesObject): ObjectChange {
    const { namespace = "default", name = "", labels = {} } = object.metadata ?? {};
    const kind = kindOf(object);
    const read = JSON.stringify(kind === "v1/Namespace" ? labels : selectorOf(object));
    const key = `${kind}/${namespace}/${name}`;
    if (!KINDS.includes(kind) || this.#read.get(key) === (read ?? "")) return "nothing";
    this.#read.set(key, read ?? "");
    if (kind === "v1/Namespace") {
      // The API server puts the name among the labels of every namespace.
      this.#namespaces.set(name, { ...labels, "kubernetes.io/metadata.name": name });
      return "namespaces";
    }
    if (kind === "v1/Service") {
      const services = this.#services.get(namespace) ?? new Map<string, Labels>();
      this.#services.set(namespace, services);
      const selector = selectorOf(object);
      if (selector === undefined) services.delete(name);
      else services.set(name, selector as Labels);
      return { defaultsOf: namespace };
    }
    this.#owners.set(key, ownerSelector(kind, object));
    return { defaultsOf: namespace };
  }

  remove(object: KubernetesObject): ObjectChange {
    const { namespace = "default", name = "" } = object.metadata ?? {};
    const kind = kindOf(object);
    this.#read.delete(`${kind}/${namespace}/${name}`);
    if (kind === "v1/Namespace") return this.#namespaces.delete(name) ? "namespaces" : "nothing";
    const was =
      kind === "v1/Service"
        ? this.#services.get(namespace)?.delete(name)
        : this.#owners.delete(`${kind}/${namespace}/${name}`);
    return was ? { defaultsOf: namespace } : "nothing";
  }

  /** A namespace's labels; none of one that is not known. */
  labelsOf(namespace: string): Labels {
    return this.#namespaces.get(namespace) ?? {};
  }

  /**
   * The selector of default constraints for a pod: none unless a Service selects it or its owner is one that selects pods.
   * Source: helper.DefaultSelector.
   */
  defaultSelector({ namespace, labels, owner }: PodTopology): LabelSelector | undefined {
    const merged: Record<string, string> = {};
    for (const selector of this.#services.get(namespace)?.values() ?? [])
      if (matches(labelSelectorFromMap(selector), labels)) Object.assign(merged, selector);
    const key = owner && `${owner.apiVersion}/${owner.kind}/${namespace}/${owner.name}`;
    const owned = key === undefined ? undefined : this.#owners.get(key);
    const requirements = [
      ...labelSelectorFromMap(merged).requirements,
      ...(owned === undefined || owned.nothing ? [] : owned.requirements),
    ];
    return requirements.length === 0 ? undefined : { requirements };
  }
}

function kindOf({ apiVersion = "", kind = "" }: KubernetesObject): string {
  return `${apiVersion}/${kind}`;
}

function selectorOf(object: KubernetesObject): unknown {
  return (object as V1Service | V1ReplicaSet).spec?.selector;
}

function ownerSelector(kind: string, object: KubernetesObject): LabelSelector {
  if (kind === "v1/ReplicationController")
    return labelSelectorFromMap((object as V1ReplicationController).spec?.selector ?? {});
  return labelSelectorFromObject((object as V1ReplicaSet | V1StatefulSet).spec?.selector);
}
