import { expect, test } from "vitest";
import { NODE, service, slice } from "../../test/service-table/shorthand.ts";
import { ServiceModel } from "./service-model.ts";

/**
 * An endpoint is "last-byte words": `3 zones=a @here not-ready`; `here` is this node. Outcomes are last bytes, too.
 * The cases are those of shared/spec/service-tables.md, 3.2.
 */
const POLICIES = {
  cluster: {},
  "external local": { type: "NodePort", externalTrafficPolicy: "Local" },
  "internal local": { internalTrafficPolicy: "Local" },
};

function decide(
  policy: keyof typeof POLICIES,
  endpoints: readonly string[],
  { name = NODE, zone = "a" }: { name?: string; zone?: string } = {},
) {
  const model = new ServiceModel("ipv4", { name, zone }, { allowExternalIps: true });
  const nodePort = policy === "external local" ? " 3001" : "";
  model.putService(service("ns/s", "172.30.0.1", `p TCP 80${nodePort}`, POLICIES[policy]));
  model.putSlice(
    slice(
      "ns/s",
      "p TCP 80",
      endpoints.map((text) => `10.0.0.${text.replace("@here", `@${name}`)}`),
    ),
  );
  const [rules] = model.rulesOf("ns/s");
  const bytes = (some: readonly { address: { text: string } }[]) =>
    some.map((one) => one.address.text.split(".")[3]).join(" ");
  const { clusterEndpoints, localEndpoints, reachable, hasAny, hasInternal, hasExternal } = rules!;
  return {
    cluster: bytes(clusterEndpoints),
    local: bytes(localEndpoints),
    reachable: bytes(reachable),
    flags: Object.entries({ hasAny, hasInternal, hasExternal }).flatMap(([flag, on]) => (on ? [flag] : [])),
  };
}

const ALL = ["hasAny", "hasInternal", "hasExternal"];
const ZONED = ["3 zones=a", "4 zones=b", "5 zones=c", "6 zones=a"];
const MANY = ["3 zones=a,b,c", "4 zones=b,c", "5 zones=b,d", "6 zones=c"];
const NODED = [
  "3 zones=a nodes=node-1",
  "4 zones=b nodes=node-2",
  "5 zones=c nodes=node-3",
  "6 zones=a nodes=node-4",
];

test.each([
  { name: "zone hints", endpoints: ZONED, wants: "3 6" },
  {
    name: "a hinted one that is not ready",
    endpoints: [...ZONED.slice(0, 3), "6 zones=a not-ready"],
    wants: "3",
  },
  {
    name: "no ready one for the zone",
    endpoints: ["3 zones=a not-ready", "4 zones=b", "5 zones=c", "6 zones=a not-ready"],
    wants: "4 5",
  },
  { name: "one without a hint", endpoints: ["3 zones=a", "4 zones=b", "5", "6 zones=a"], wants: "3 4 5 6" },
  { name: "hints for several zones", endpoints: MANY, node: { zone: "c" }, wants: "3 4 6" },
  { name: "a node without a zone", endpoints: ZONED, node: { zone: "" }, wants: "3 4 5 6" },
  {
    name: "a zone that no hint names",
    endpoints: ["3 zones=a", "4 zones=a"],
    node: { zone: "b" },
    wants: "3 4",
  },
  { name: "node hints", endpoints: NODED, node: { name: "node-1" }, wants: "3" },
  { name: "node hints for others: the zone", endpoints: NODED, node: { name: "node-0" }, wants: "3 6" },
  {
    name: "hints that are not all there",
    endpoints: [NODED[0]!, "4", NODED[2]!, NODED[3]!],
    node: { name: "node-0" },
    wants: "3 4 5 6",
  },
])("policy Cluster, $name: $wants", ({ endpoints, node, wants }) => {
  expect(decide("cluster", endpoints, node)).toEqual({
    cluster: wants,
    local: "",
    reachable: wants,
    flags: ALL,
  });
});

test.each([
  {
    name: "hints never filter local endpoints",
    policy: "external local" as const,
    endpoints: ["3 zones=a @here", "4 zones=b @here", "5 zones=c", "6 zones=a"],
    wants: { cluster: "3 6", local: "3 4", reachable: "3 4 6", flags: ALL },
  },
  {
    name: "nothing ready, nothing serving",
    policy: "cluster" as const,
    endpoints: ["3 not-ready", "4 terminating"],
    wants: { cluster: "", local: "", reachable: "", flags: [] },
  },
  {
    name: "all remote, internal policy Local",
    policy: "internal local" as const,
    endpoints: ["3", "4"],
    wants: { cluster: "", local: "", reachable: "", flags: ["hasAny", "hasExternal"] },
  },
  {
    name: "local ones that serve their end",
    policy: "external local" as const,
    endpoints: ["3 terminating serving @here", "4"],
    wants: { cluster: "4", local: "3", reachable: "3 4", flags: ALL },
  },
  {
    name: "only a remote one that serves its end",
    policy: "external local" as const,
    endpoints: ["3 terminating serving"],
    wants: { cluster: "3", local: "", reachable: "3", flags: ["hasAny", "hasInternal"] },
  },
  {
    name: "a terminating twin gives way",
    policy: "cluster" as const,
    endpoints: ["3 terminating serving", "3"],
    wants: { cluster: "3", local: "", reachable: "3", flags: ALL },
  },
  {
    name: "the order is that of texts",
    policy: "cluster" as const,
    endpoints: ["1", "2", "10"],
    wants: { cluster: "10 1 2", local: "", reachable: "10 1 2", flags: ALL },
  },
])("$name", ({ policy, endpoints, wants }) => {
  expect(decide(policy, endpoints)).toEqual(wants);
});
