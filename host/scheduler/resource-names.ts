import { isQualifiedName } from "../apimachinery/names.ts";

/**
 * Whether NodeResourcesFit counts a resource beside cpu, memory and ephemeral-storage: extended resources, huge pages,
 * prefixed native and attachable-volume resources. Other names are ignored, as kube-scheduler does.
 * Source: k8s.io/kubernetes/pkg/scheduler/util/utils.go, IsScalarResourceName.
 */
export function isScalarResource(name: string): boolean {
  return (
    isExtendedResource(name) ||
    name.startsWith("hugepages-") ||
    name.includes("kubernetes.io/") ||
    name.startsWith("attachable-volumes-")
  );
}

/** A resource of another domain than kubernetes.io, such as `example.com/gpu`. */
export function isExtendedResource(name: string): boolean {
  if (!name.includes("/") || name.includes("kubernetes.io/") || name.startsWith("requests.")) return false;
  return isQualifiedName(`requests.${name}`).length === 0;
}
