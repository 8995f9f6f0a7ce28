import { Pod, Service } from "../../api/core-kinds.ts";
import type { V1Pod, V1Service, V1ServicePort } from "../../api/generated/types.ts";
import { type ObjectKey, objectKey } from "../../apimachinery/object.ts";
import type { SharedInformers } from "../../client/informer.ts";
import { byNamespace } from "../../client/lister.ts";
import { isTerminal } from "../pod-state.ts";
import { type Watch, watch } from "../watches.ts";

/** What EndpointSlices and Endpoints have in common: which pods stand behind a Service, and at which ports. */

export type Family = "IPv4" | "IPv6";

/** A Service without a selector, or a name for something outside, has no endpoints of ours. */
export function isManaged(service: V1Service): boolean {
  return service.spec?.selector !== undefined && service.spec.type !== "ExternalName";
}

export function isHeadless(service: V1Service): boolean {
  return service.spec?.clusterIP === "None";
}

export function selects(service: V1Service, pod: V1Pod): boolean {
  const labels = pod.metadata?.labels;
  return Object.entries(service.spec?.selector ?? {}).every(([key, value]) => labels?.[key] === value);
}

/** The Services of its namespace that select a pod. */
export const servicesOfPods: Watch = watch(Pod, (pod, informers) => servicesOf(pod, informers));

function servicesOf(pod: V1Pod, informers: SharedInformers): readonly ObjectKey[] {
  const services = informers.get(Service).lister.by(byNamespace, pod.metadata?.namespace ?? "");
  return services.filter((service) => isManaged(service) && selects(service, pod)).map(objectKey);
}

/** The pods a Service selects. */
export function podsOf(service: V1Service, informers: SharedInformers): readonly V1Pod[] {
  const pods = informers.get(Pod).lister.by(byNamespace, service.metadata?.namespace ?? "");
  return pods.filter((pod) => selects(service, pod));
}

/** Can take traffic now or soon, or is finishing what it has: has an address and is not over. */
export function hasEndpoint(pod: V1Pod): boolean {
  return !isTerminal(pod) && (pod.status?.podIP ?? "") !== "";
}

/** The pod's address of a family. */
export function addressOf(pod: V1Pod, family: Family): string | undefined {
  const addresses = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status?.podIP ?? ""];
  return addresses.find((ip) => ip !== "" && familyOf(ip) === family);
}

export function familyOf(ip: string): Family {
  return ip.includes(":") ? "IPv6" : "IPv4";
}

/** The families a Service speaks; one that was stored without says it by its address, a headless one speaks both. */
export function familiesOf(service: V1Service): readonly Family[] {
  const { ipFamilies = [], clusterIP = "" } = service.spec ?? {};
  if (ipFamilies.length > 0)
    return ipFamilies.filter((one): one is Family => one === "IPv4" || one === "IPv6");
  return clusterIP === "" || clusterIP === "None" ? ["IPv4", "IPv6"] : [familyOf(clusterIP)];
}

/** A name is only given to a pod that asks for one under this very Service (StatefulSets do). */
export function hostnameOf(pod: V1Pod, service: V1Service): string | undefined {
  const { hostname, subdomain } = pod.spec ?? {};
  return hostname && subdomain === service.metadata?.name ? hostname : undefined;
}

/** The number behind a Service's port on this pod; undefined when the pod has no port of that name. */
export function targetPortOf(port: V1ServicePort, pod: V1Pod): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target;
  const sidecars =
    pod.spec?.initContainers?.filter((container) => container.restartPolicy === "Always") ?? [];
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    for (const one of container.ports ?? []) {
      if (one.name === target && (one.protocol ?? "TCP") === (port.protocol ?? "TCP"))
        return one.containerPort;
    }
  }
  return undefined;
}

/** The reference by which an endpoint names its pod. */
export function podReference({ metadata }: V1Pod) {
  return { kind: "Pod", namespace: metadata?.namespace, name: metadata?.name, uid: metadata?.uid };
}
