import type { V1Container, V1Pod } from "../../api/generated/types.ts";
import { badRequest } from "../../apimachinery/errors.ts";

/**
 * The container a request about a pod means: the named one, or the only one.
 *
 * @throws 400 in the words of Kubernetes when there is none, or one of several has to be chosen
 */
export function containerOf(pod: V1Pod, asked: string | undefined): V1Container {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const name = pod.metadata?.name ?? "";
  if (asked === undefined && containers.length > 1) {
    const names = containers.map((one) => one.name).join(" ");
    throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names}]`);
  }
  const all = [...initContainers, ...containers, ...(ephemeralContainers as V1Container[])];
  const found = asked === undefined ? containers[0] : all.find((one) => one.name === asked);
  if (found === undefined) throw badRequest(`container ${asked} is not valid for pod ${name}`);
  return found;
}
