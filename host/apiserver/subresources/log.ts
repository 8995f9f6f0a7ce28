import type { V1Pod } from "../../api/generated/types.ts";
import { badRequest } from "../../apimachinery/errors.ts";

/** What a simulated container has said: one line that says what it is. Choosing among containers is as in Kubernetes. */
export function podLog(pod: V1Pod, query: URLSearchParams): string {
  const name = pod.metadata?.name ?? "";
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const asked = query.get("container");
  if (!asked && (pod.spec?.containers.length ?? 0) > 1) {
    const names = pod.spec?.containers.map((one) => one.name).join(" ");
    throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names}]`);
  }
  const container = asked ? containers.find((one) => one.name === asked) : pod.spec?.containers[0];
  if (container === undefined) throw badRequest(`container ${asked} is not valid for pod ${name}`);
  return `pintle: container ${container.name} of pod ${name} is simulated; image ${container.image} was not run\n`;
}
