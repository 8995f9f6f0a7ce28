import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { buildServiceTable, FlagError, type Packet } from "../../host/proxy/library.ts";
import { both, FLAGS, inWords, packet } from "./both.ts";
import { service, slice } from "./shorthand.ts";

/** Whatever is given, the table stands: what cannot be used is said and skipped. */
const good = [service("ns/s", "172.30.0.1", "a TCP 80"), slice("ns/s", "a TCP 80", ["10.180.0.1"])];

describe("what cannot be used is named", () => {
  test.each([
    [
      "an address",
      service("ns/x", "172.30.0.300", "a TCP 80"),
      'spec.clusterIPs[0]: Invalid value: "172.30.0.300": must be a valid IP address',
    ],
    [
      "an external address",
      service("ns/x", "172.30.0.2", "a TCP 80", { externalIPs: ["a.b"] }),
      'spec.externalIPs: Invalid value: "a.b": must be a valid IP',
    ],
    [
      "a source range",
      service("ns/x", "172.30.0.2", "a TCP 80", { loadBalancerSourceRanges: ["10/8"] }),
      'spec.loadBalancerSourceRanges: Invalid value: "10/8": must be a valid CIDR',
    ],
    [
      "a protocol",
      service("ns/x", "172.30.0.2", "a ICMP 80"),
      'spec.ports[0].protocol: Unsupported value: "ICMP"',
    ],
    [
      "a port",
      service("ns/x", "172.30.0.2", "a TCP 70000"),
      "spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535",
    ],
    [
      "an endpoint",
      slice("ns/x", "a TCP 80", ["10.0.0"]),
      'endpoints[0].addresses[0]: Invalid value: "10.0.0"',
    ],
    [
      "a list that is none",
      { ...service("ns/x", "172.30.0.2", []), spec: { clusterIP: "172.30.0.2", ports: "80" } },
      'spec.ports: Invalid value: "80": must be a list',
    ],
    [
      "a slice of nobody",
      { ...slice("ns/x", "a TCP 80", []), metadata: { namespace: "ns", name: "x-1" } },
      "metadata.labels[kubernetes.io/service-name]: Required value",
    ],
  ])("%s", async (_, object, problem) => {
    const table = await buildServiceTable([...good, object as KubernetesObject], FLAGS);
    expect(table.problems()).toEqual([expect.stringContaining(problem)]);
    expect(table.resolve([packet("10.0.0.2 > 172.30.0.1:80")], 0).map(inWords)).toEqual(["10.180.0.1:80"]);
    table.update([{ type: "DELETED", object: object as KubernetesObject }]);
    expect(table.problems()).toEqual([]);
  });
});

test("objects with anything in any place never make it throw", async () => {
  const random = seededRandom(9);
  const garbage: unknown[] = [
    null,
    undefined,
    "",
    "x",
    -1,
    1e99,
    Number.NaN,
    true,
    [],
    {},
    [null],
    [[]],
    [{}],
    ["x"],
    { x: 1 },
    "10.0.0.1",
    "::",
  ];
  const pick = () => garbage[random.below(garbage.length)];
  const spoil = (value: unknown): unknown => {
    if (random.below(9) === 0) return pick();
    if (Array.isArray(value)) return value.map(spoil);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, key === "kind" ? inner : spoil(inner)]),
    );
  };
  const whole = [
    service(
      "ns/x",
      "172.30.0.2",
      ["a TCP 80 3001", "b UDP 53"],
      {
        type: "LoadBalancer",
        externalIPs: ["198.51.100.1"],
        loadBalancerSourceRanges: ["10.0.0.0/8"],
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } },
        externalTrafficPolicy: "Local",
        healthCheckNodePort: 30000,
      },
      [{ ip: "1.2.3.4", ipMode: "VIP" }],
    ),
    slice("ns/x", ["a TCP 80", "b UDP 53"], ["10.180.0.1 zones=a nodes=n", "10.180.0.2 terminating serving"]),
    { kind: "Node", metadata: { name: FLAGS.nodeName, labels: { "topology.kubernetes.io/zone": "a" } } },
  ];
  const table = await buildServiceTable(good, FLAGS);
  for (let i = 0; i < 3_000; i++) {
    const object = spoil(whole[i % whole.length]) as KubernetesObject;
    table.update([
      { type: i % 5 === 0 ? "DELETED" : "MODIFIED", object: object ?? ({} as KubernetesObject) },
    ]);
    if (i % 100 !== 0) continue;
    table.resolve([packet("203.0.113.2 > 172.30.0.2:80"), packet("203.0.113.2 > 1.2.3.4:80")], i);
    table.renderIptables("ipv4");
    table.renderNftables();
  }
  expect(table.resolve([packet("10.0.0.2 > 172.30.0.1:80")], 0).map(inWords)).toEqual(["10.180.0.1:80"]);
});

test("a packet that cannot be is refused, with its number and field", async () => {
  const table = await buildServiceTable(good, FLAGS);
  const fine = packet("10.0.0.2 > 172.30.0.1:80");
  const bad = (more: Partial<Record<keyof Packet, unknown>>) => () =>
    table.resolve([fine, { ...fine, ...more } as Packet], 0);
  expect(bad({ source: "10.0.0" })).toThrow(/^packets\[1\]\.source: "10\.0\.0" is not an IP address$/);
  expect(bad({ destination: "::1" })).toThrow(/different families/);
  expect(bad({ protocol: "tcp" })).toThrow(/packets\[1\]\.protocol/);
  expect(bad({ port: 0 })).toThrow(/packets\[1\]/);
  expect(bad({ sourcePort: 65_536 })).toThrow(/packets\[1\]/);
  expect(bad({ from: "moon" })).toThrow(/packets\[1\]\.from/);
});

test.each([
  { clusterCidr: ["10.0.0.0"] },
  { nodeAddresses: ["node"] },
  { nodeportAddresses: ["192.168.0.1"] },
  { iptablesMasqueradeBit: 32 },
  { detectLocalMode: "BridgeInterface" as const },
  { detectLocalMode: "InterfaceNamePrefix" as const, podInterfaceNamePrefix: 'a" -j ACCEPT' },
])("an option that cannot be read: %o", async (flags) => {
  await expect(buildServiceTable(good, { ...FLAGS, ...flags })).rejects.toThrow(FlagError);
});

test("a name cannot end a rule's comment", async () => {
  const evil = service('ns/x" -j ACCEPT\n-A KUBE-SERVICES', "172.30.0.2", 'p" TCP 80');
  evil.spec!.ports![0]!.name = 'p" -j ACCEPT';
  const made = await both([...good, evil], FLAGS);
  expect(made.table.renderIptables("ipv4")).not.toMatch(/ACCEPT\n-A KUBE-SERVICES|-j ACCEPT"/);
  expect(made.table.problems()).toHaveLength(1);
});

test("Services that flap a thousand times leave no row behind", async () => {
  const table = await buildServiceTable(good, FLAGS);
  const flapping = service("ns/f", "172.30.0.9", "a TCP 80 3001", {
    type: "NodePort",
    externalIPs: ["198.51.100.1"],
  });
  const rendered = table.renderIptables("ipv4");
  for (let i = 0; i < 1_000; i++)
    table.update([
      { type: "ADDED", object: flapping },
      { type: "ADDED", object: slice("ns/f", "a TCP 80", [`10.181.${i >> 8}.${i & 255}`, "10.181.9.9"]) },
      ...(i % 2 === 0 ? [{ type: "DELETED" as const, object: flapping }] : []),
    ]);
  table.update([
    { type: "DELETED", object: flapping },
    { type: "DELETED", object: slice("ns/f", "a TCP 80", []) },
  ]);
  expect(table.renderIptables("ipv4")).toBe(rendered);
  const ways = [
    "10.0.0.2 > 172.30.0.9:80",
    "203.0.113.2 > 192.168.0.2:3001",
    "203.0.113.2 > 198.51.100.1:80",
  ];
  expect(table.resolve(ways.map(packet), 0).map(inWords)).toEqual(["pass", "pass", "pass"]);
});
