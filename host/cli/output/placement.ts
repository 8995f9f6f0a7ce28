import type { V1Node, V1Pod, V1Service } from "../../api/generated/types.ts";
import { memoryInWords, nodeFacts } from "../node-facts.ts";
import { renderTable } from "./table.ts";

/**
 * Which pod went where: a branch a node, a leaf a pod.
 *
 *   node-0   zone-a   2 pods   cpu 500m of 8   memory 256Mi of 31.2Gi
 *   ├── default/hello-5d8c7c9b4-x7k2p   Running   10.128.0.2
 *   └── default/hello-5d8c7c9b4-zz9w4   Running   10.128.0.3
 */
export function renderPlacement(nodes: readonly V1Node[], pods: readonly V1Pod[]): string {
  const names = new Set(nodes.map((node) => node.metadata?.name));
  const widest = Math.max(0, ...pods.map((pod) => fullName(pod).length));
  const branches = nodes.map((node) => {
    const facts = nodeFacts(node, pods);
    const counted = `${facts.pods} ${facts.pods === 1 ? "pod" : "pods"}`;
    const head = `${facts.name}   ${facts.zone}   ${counted}   cpu ${facts.requestedCpu} of ${facts.allocatableCpu}   memory ${memoryInWords(facts, " of ")}`;
    const own = pods.filter((pod) => pod.spec?.nodeName === facts.name);
    return branch(head, own, widest);
  });
  const homeless = pods.filter((pod) => !names.has(pod.spec?.nodeName));
  if (homeless.length > 0) branches.push(branch("no node", homeless, widest));
  return branches.join("");
}

function branch(head: string, pods: readonly V1Pod[], widest: number): string {
  const leaves = pods.map((pod, index) => {
    const rail = index === pods.length - 1 ? "└──" : "├──";
    const address = pod.status?.podIP ?? "";
    return `${rail} ${fullName(pod).padEnd(widest)}   ${(pod.status?.phase ?? "Pending").padEnd(9)}   ${address}`.trimEnd();
  });
  return [head, ...leaves].map((line) => `${line}\n`).join("");
}

/** Where each Service answers: SERVICE, TYPE, CLUSTER-IP, PORTS. */
export function renderServices(services: readonly V1Service[]): string {
  return renderTable(
    ["SERVICE", "TYPE", "CLUSTER-IP", "PORTS"],
    services.map((service) => [
      fullName(service),
      service.spec?.type ?? "",
      service.spec?.clusterIP ?? "",
      (service.spec?.ports ?? [])
        .map((one) => `${one.port}->${one.targetPort ?? one.port}/${one.protocol ?? "TCP"}`)
        .join(", "),
    ]),
  );
}

function fullName(object: V1Pod | V1Service): string {
  return `${object.metadata?.namespace}/${object.metadata?.name}`;
}
