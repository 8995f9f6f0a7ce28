import type { Kind } from "../../api/kind.ts";
import type { ObjectReference } from "../../apimachinery/object.ts";

/** Kinds whose folder is not their plural: Kubernetes kept the names of its first years. */
const FOLDERS: Readonly<Record<string, string>> = {
  nodes: "minions",
  services: "services/specs",
  endpoints: "services/endpoints",
  replicationcontrollers: "controllers",
  "ingresses.networking.k8s.io": "ingress",
  "customresourcedefinitions.apiextensions.k8s.io": "apiextensions.k8s.io/customresourcedefinitions",
  "apiservices.apiregistration.k8s.io": "apiregistration.k8s.io/apiservices",
};

/** The kind an object is stored as: another version of itself for a few. */
export function storageKind(kind: Kind): Kind {
  return kind.stored?.kind ?? kind;
}

/** `/registry/pods/` or, within one namespace, `/registry/pods/default/`. */
export function storagePrefix(kind: Kind, namespace?: string): string {
  const { group, plural, namespaced, custom } = storageKind(kind);
  if (custom !== undefined) return prefixOf(`${group}/${plural}`, namespaced, namespace);
  const folder = FOLDERS[group === "" ? plural : `${plural}.${group}`] ?? plural;
  return prefixOf(folder, namespaced, namespace);
}

function prefixOf(folder: string, namespaced: boolean, namespace: string | undefined): string {
  return namespaced && namespace ? `/registry/${folder}/${namespace}/` : `/registry/${folder}/`;
}

/** `/registry/pods/default/web-1`, `/registry/minions/n1`; the keys etcd holds for a real cluster. */
export function storageKey(kind: Kind, reference: ObjectReference): string {
  return storagePrefix(kind, reference.namespace) + reference.name;
}
