import { expect, test } from "vitest";
import type { V1Node, V1Pod } from "../../api/generated/types.ts";
import { renderPlacement, renderServices } from "./placement.ts";

// A pod is written "name node phase cpu address".
function pod(text: string): V1Pod {
  const [name, nodeName, phase, cpu, podIP] = text
    .split(" ")
    .map((word) => (word === "-" ? undefined : word));
  const requests = cpu === undefined ? undefined : { cpu };
  return {
    metadata: { namespace: "default", name },
    spec: { nodeName, containers: [{ name: "c", resources: { requests } }] },
    status: { phase, podIP },
  };
}

function node(name: string, zone: string): V1Node {
  return {
    metadata: { name, labels: { "topology.kubernetes.io/zone": zone } },
    status: { allocatable: { cpu: "4", memory: "8Gi" } },
  };
}

test("a branch a node, a leaf a pod, and what has no node comes last", () => {
  const pods = [
    "web-1 n1 Running 250m 10.128.0.2",
    "long-name-2 n1 Running 1 10.128.0.3",
    "done n1 Succeeded 1 -",
    "lost - - 9 -",
  ];
  expect(renderPlacement([node("n1", "zone-a"), node("n2", "zone-b")], pods.map(pod))).toBe(
    `n1   zone-a   2 pods   cpu 1250m of 4   memory 0 of 8Gi
├── default/web-1         Running     10.128.0.2
├── default/long-name-2   Running     10.128.0.3
└── default/done          Succeeded
n2   zone-b   0 pods   cpu 0 of 4   memory 0 of 8Gi
no node
└── default/lost          Pending
`,
  );
});

test("a Service is its type, address and ports", () => {
  const ports = [
    { port: 8086, targetPort: "http", protocol: "TCP" },
    { port: 53, protocol: "UDP" },
  ];
  const service = {
    metadata: { namespace: "default", name: "web" },
    spec: { type: "NodePort", clusterIP: "10.96.0.9", ports },
  };
  expect(renderServices([service])).toBe(
    "SERVICE       TYPE       CLUSTER-IP   PORTS\ndefault/web   NodePort   10.96.0.9    8086->http/TCP, 53->53/UDP\n",
  );
});
