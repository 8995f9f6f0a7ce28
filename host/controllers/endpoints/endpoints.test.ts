import { expect, test } from "vitest";
import type { V1Pod, V1Service } from "../../api/generated/types.ts";
import { reconcileEndpoints } from "./endpoints.ts";
import { reconcileEndpointSlices } from "./endpointslice.ts";

/** "name ip words": `ready`, `leaving`, `done`, `node=n2`, `port=web:81` (a named container port). */
function pod(text: string): V1Pod {
  const [name = "", podIP = "", ...words] = text.split(" ");
  const facts = new Map(words.map((word) => word.split("=") as [string, string | undefined]));
  const [portName = "web", port = "8080"] = (facts.get("port") ?? "web:8080").split(":");
  return {
    metadata: {
      namespace: "w",
      name,
      uid: name,
      labels: { app: "web" },
      ...(facts.has("leaving") ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: {
      nodeName: facts.get("node") ?? "n1",
      containers: [{ name: "c", ports: [{ name: portName, containerPort: Number(port) }] }],
    },
    status: {
      phase: facts.has("done") ? "Succeeded" : "Running",
      ...(podIP === "-" ? {} : { podIP }),
      conditions: [{ type: "Ready", status: facts.has("ready") ? "True" : "False" }],
    },
  };
}

function service(more: Partial<V1Service["spec"]> = {}): V1Service {
  return {
    metadata: { namespace: "w", name: "web", uid: "web", labels: { team: "a" } },
    spec: {
      clusterIP: "10.96.0.7",
      ipFamilies: ["IPv4"],
      selector: { app: "web" },
      ports: [{ port: 80, targetPort: "web" }],
      ...more,
    },
  };
}

const findNode = (name: string) =>
  name === "n1" ? { metadata: { name, labels: { "topology.kubernetes.io/zone": "z1" } } } : undefined;

/** Each slice as "port: address(conditions) …". */
function slicesOf(one: V1Service, pods: readonly V1Pod[]): string[] {
  return reconcileEndpointSlices({ service: one, pods, slices: [], findNode }).map((change) => {
    if (change.do !== "create") return change.do;
    const { endpoints = [], ports = [] } = change.object as {
      endpoints?: { addresses: string[]; conditions?: Record<string, boolean> }[];
      ports?: { port?: number }[];
    };
    const words = endpoints.map(({ addresses, conditions = {} }) => {
      const held = Object.entries(conditions).flatMap(([name, holds]) => (holds ? [name] : []));
      return `${addresses[0]}(${held.join(" ")})`;
    });
    return `${ports.map(({ port }) => port).join(",")}: ${words.join(" ")}`;
  });
}

test.each([
  { name: "a ready pod", pods: ["a 10.0.0.1 ready"], wants: ["8080: 10.0.0.1(ready serving)"] },
  { name: "one that is not ready", pods: ["a 10.0.0.1"], wants: ["8080: 10.0.0.1()"] },
  {
    name: "one that is leaving, still ready",
    pods: ["a 10.0.0.1 ready leaving"],
    wants: ["8080: 10.0.0.1(serving terminating)"],
  },
  {
    name: "even unready ones, when asked",
    spec: { publishNotReadyAddresses: true },
    pods: ["a 10.0.0.1 leaving"],
    wants: ["8080: 10.0.0.1(ready terminating)"],
  },
  {
    name: "none that is over or has no address",
    pods: ["a 10.0.0.1 ready done", "b - ready"],
    wants: [": "],
  },
  {
    name: "named ports that differ",
    pods: ["a 10.0.0.1 ready", "b 10.0.0.2 ready port=web:81"],
    wants: ["8080: 10.0.0.1(ready serving)", "81: 10.0.0.2(ready serving)"],
  },
  {
    name: "a pod without that port",
    pods: ["a 10.0.0.1 ready port=admin:1"],
    wants: [": 10.0.0.1(ready serving)"],
  },
  {
    name: "pods of missing nodes later",
    pods: ["a 10.0.0.1 ready", "b 10.0.0.2 ready node=n9"],
    wants: ["8080: 10.0.0.1(ready serving)", "retry"],
  },
  {
    name: "addresses of its own family only",
    spec: { ipFamilies: ["IPv6"] },
    pods: ["a 10.0.0.1 ready", "b fd00::1 ready"],
    wants: ["8080: fd00::1(ready serving)"],
  },
])("EndpointSlices list $name", ({ spec, pods, wants }) => {
  expect(slicesOf(service(spec), pods.map(pod))).toEqual(wants);
});

test("a slice names its Service, its manager and its pods", () => {
  const [change] = reconcileEndpointSlices({
    service: service({ clusterIP: "None" }),
    pods: [pod("a 10.0.0.1 ready")],
    slices: [],
    findNode,
  });
  expect(change?.do === "create" && change.object).toMatchObject({
    metadata: {
      generateName: "web-",
      namespace: "w",
      labels: {
        team: "a",
        "service.kubernetes.io/headless": "",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
      },
      ownerReferences: [
        {
          apiVersion: "v1",
          kind: "Service",
          name: "web",
          uid: "web",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    addressType: "IPv4",
    endpoints: [
      { nodeName: "n1", zone: "z1", targetRef: { kind: "Pod", namespace: "w", name: "a", uid: "a" } },
    ],
  });
});

/** Each subset as "port: ready | not ready". */
function subsetsOf(one: V1Service, pods: readonly V1Pod[]) {
  const [change] = reconcileEndpoints({ service: one, pods, endpoints: undefined });
  if (change?.do !== "create") throw new Error("nothing created");
  const { subsets = [], metadata } = change.object as {
    subsets?: {
      addresses?: { ip: string }[];
      notReadyAddresses?: { ip: string }[];
      ports?: { port: number }[];
    }[];
    metadata?: { annotations?: Record<string, string> };
  };
  const ips = (list: { ip: string }[] = []) => list.map(({ ip }) => ip).join(" ");
  const lines = subsets.map(
    ({ addresses, notReadyAddresses, ports = [] }) =>
      `${ports.map(({ port }) => port).join(",")}: ${ips(addresses)} | ${ips(notReadyAddresses)}`,
  );
  return {
    lines,
    count: subsets.flatMap((one) => [...(one.addresses ?? []), ...(one.notReadyAddresses ?? [])]).length,
    annotations: metadata?.annotations,
  };
}

test.each([
  {
    name: "by the bytes of their addresses",
    pods: ["a 10.0.0.10 ready", "b 10.0.0.9 ready"],
    wants: ["8080: 10.0.0.9 10.0.0.10 | "],
  },
  { name: "ready and not", pods: ["a 10.0.0.1", "b 10.0.0.2 ready"], wants: ["8080: 10.0.0.2 | 10.0.0.1"] },
  { name: "none that leaves", pods: ["a 10.0.0.1 ready leaving"], wants: [] },
  {
    name: "even those, when asked",
    spec: { publishNotReadyAddresses: true },
    pods: ["a 10.0.0.1 leaving"],
    wants: ["8080: 10.0.0.1 | "],
  },
])("Endpoints list pods: $name", ({ spec, pods, wants }) => {
  expect(subsetsOf(service(spec), pods.map(pod)).lines).toEqual(wants);
});

test("Endpoints hold at most 1000 addresses, the ready ones first, and say so", () => {
  const pods = Array.from({ length: 1100 }, (_, i) =>
    pod(`p${i} 10.${Math.floor(i / 250)}.0.${i % 250} ${i < 1050 ? "ready" : ""}`.trim()),
  );
  const { count, annotations } = subsetsOf(service(), pods);
  expect([count, annotations]).toEqual([1000, { "endpoints.kubernetes.io/over-capacity": "truncated" }]);
});

test("nothing is written when nothing changed", () => {
  const one = service();
  const [made] = reconcileEndpoints({ service: one, pods: [pod("a 10.0.0.1 ready")], endpoints: undefined });
  const endpoints = made?.do === "create" ? made.object : undefined;
  expect(reconcileEndpoints({ service: one, pods: [pod("a 10.0.0.1 ready")], endpoints })).toEqual([]);
});
