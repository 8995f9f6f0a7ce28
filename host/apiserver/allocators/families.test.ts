import { describe, expect, test } from "vitest";
import type { V1Service, V1ServiceSpec } from "../../api/generated/types.ts";
import { Service, ServiceCIDR } from "../../api/registry.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import type { Client } from "../../client/client.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { Store } from "../../store/store.ts";
import { createApiCore } from "../core.ts";

/** Families and their addresses, through the API. */
const RANGES = { four: "10.96.0.0/16", six: "fd00::/112", both: "10.96.0.0/16,fd00::/112" };
type Cluster = keyof typeof RANGES;

async function server(cluster: Cluster, store: Store = createMemoryStore()): Promise<Client> {
  const core = await createApiCore({
    store,
    clock: new VirtualClock(),
    random: seededRandom(1),
    log: silentLogger,
    serviceClusterIpRange: RANGES[cluster],
  });
  return core.client("tester");
}

const PORTS = [{ port: 80 }];
const SELECTOR = { app: "a" };
const service = (spec: V1ServiceSpec, name = "a"): V1Service => ({
  metadata: { name, namespace: "default" },
  spec: { ports: PORTS, selector: SELECTOR, ...spec },
});

/** `SingleStack IPv4 4`: the policy, the families, and those of the addresses. */
function inWords({ spec }: V1Service): string {
  const addresses = spec?.clusterIPs?.map((one) => (one === "None" ? one : one.includes(":") ? "6" : "4"));
  if (spec?.clusterIPs !== undefined) expect(spec.clusterIP).toBe(spec.clusterIPs[0]);
  return [spec?.ipFamilyPolicy, spec?.ipFamilies?.join(), addresses?.join()].filter(Boolean).join(" ");
}

async function outcome(written: Promise<V1Service>): Promise<string> {
  try {
    return inWords(await written);
  } catch (error) {
    return String((error as Error).message).replace(/^Service "a" is invalid: /, "");
  }
}

const NO_DUAL =
  'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services';

describe("a new Service", () => {
  const open: V1ServiceSpec = { clusterIP: "None", selector: undefined };
  test.each<[Cluster, V1ServiceSpec, string]>([
    ["four", {}, "SingleStack IPv4 4"],
    ["six", {}, "SingleStack IPv6 6"],
    ["both", {}, "SingleStack IPv4 4"],
    ["both", { ipFamilies: ["IPv6"] }, "SingleStack IPv6 6"],
    ["both", { ipFamilyPolicy: "PreferDualStack" }, "PreferDualStack IPv4,IPv6 4,6"],
    ["both", { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6"] }, "RequireDualStack IPv6,IPv4 6,4"],
    ["four", { ipFamilyPolicy: "PreferDualStack" }, "PreferDualStack IPv4 4"],
    ["four", { ipFamilyPolicy: "RequireDualStack" }, NO_DUAL],
    [
      "four",
      { ipFamilies: ["IPv6"] },
      'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    ],
    ["both", { clusterIPs: ["fd00::7"], clusterIP: "fd00::7" }, "SingleStack IPv6 6"],
    ["both", { clusterIP: "10.96.0.7", ipFamilyPolicy: "PreferDualStack" }, "PreferDualStack IPv4,IPv6 4,6"],
    [
      "both",
      { clusterIP: "10.96.0.7", clusterIPs: ["10.96.0.7", "fd00::7"], ipFamilyPolicy: "RequireDualStack" },
      "RequireDualStack IPv4,IPv6 4,6",
    ],
    [
      "both",
      { clusterIP: "10.96.0.7", clusterIPs: ["10.96.0.7", "fd00::7"] },
      "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified",
    ],
    [
      "both",
      { ipFamilies: ["IPv4", "IPv6"] },
      "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
    ],
    [
      "four",
      { clusterIP: "fd00::1" },
      'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
    ],
    [
      "both",
      { clusterIP: "fd01::1" },
      'spec.clusterIPs: Invalid value: ["fd01::1"]: failed to allocate IP fd01::1: the provided IP (fd01::1) is not in the valid range. The range of valid IPs is fd00::/112',
    ],
    [
      "both",
      { clusterIPs: ["10.96.0.7", "10.96.0.8"], clusterIP: "10.96.0.7", ipFamilyPolicy: "RequireDualStack" },
      'spec.clusterIPs: Invalid value: ["10.96.0.7","10.96.0.8"]: may specify no more than one IP for each IP family',
    ],
    ["four", { clusterIP: "None" }, "SingleStack IPv4 None"],
    ["both", { clusterIP: "None", ipFamilyPolicy: "PreferDualStack" }, "PreferDualStack IPv4,IPv6 None"],
    // Whoever writes its slices may have both families on any cluster.
    ["four", open, "RequireDualStack IPv4,IPv6 None"],
    ["six", open, "RequireDualStack IPv6,IPv4 None"],
    ["four", { ...open, ipFamilyPolicy: "SingleStack" }, "SingleStack IPv4 None"],
    ["four", { type: "ExternalName", externalName: "a.example", ports: undefined }, ""],
  ])("on %s: %j: %s", async (cluster, spec, wants) => {
    const client = await server(cluster);
    expect(await outcome(client.create(Service, service(spec)))).toBe(wants);
  });
});

describe("a change", () => {
  const DUAL: V1ServiceSpec = {
    ipFamilyPolicy: "RequireDualStack",
    clusterIP: "10.96.0.7",
    clusterIPs: ["10.96.0.7", "fd00::7"],
  };
  test.each<[string, V1ServiceSpec, object, string]>([
    ["another family", {}, { ipFamilyPolicy: "PreferDualStack" }, "PreferDualStack IPv4,IPv6 4,6"],
    [
      "a second address of one's own",
      { clusterIP: "10.96.0.7" },
      { ipFamilyPolicy: "RequireDualStack", clusterIPs: ["10.96.0.7", "fd00::9"] },
      "RequireDualStack IPv4,IPv6 4,6",
    ],
    ["back to one", DUAL, { ipFamilyPolicy: "SingleStack" }, "SingleStack IPv4 4"],
    [
      "back to one, which is named",
      DUAL,
      { ipFamilyPolicy: "SingleStack", clusterIPs: ["10.96.0.7"] },
      "SingleStack IPv4 4",
    ],
    [
      "one less, and nobody said so",
      DUAL,
      { clusterIPs: ["10.96.0.7"] },
      "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": must be 'SingleStack' to release the secondary cluster IP",
    ],
    [
      "one family less, and nobody said so",
      DUAL,
      { ipFamilies: ["IPv4"] },
      "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": must be 'SingleStack' to release the secondary IP family",
    ],
    [
      "the other family first",
      { clusterIP: "10.96.0.7" },
      { ipFamilies: ["IPv6"] },
      '[spec.clusterIPs[0]: Invalid value: "10.96.0.7": expected an IPv6 value as indicated by `ipFamilies[0]`, spec.ipFamilies[0]: Invalid value: "IPv6": may not change once set]',
    ],
    [
      "another second address",
      DUAL,
      { clusterIPs: ["10.96.0.7", "fd00::8"] },
      'spec.clusterIPs[1]: Invalid value: ["10.96.0.7","fd00::8"]: may not change once set',
    ],
    ["to a name of elsewhere", DUAL, { type: "ExternalName", externalName: "a.example" }, ""],
    ["of something else", DUAL, { selector: { app: "b" } }, "RequireDualStack IPv4,IPv6 4,6"],
  ])("%s", async (_, before, change, wants) => {
    const client = await server("both");
    await client.create(Service, service(before));
    const patch = { type: "merge" as const, body: { spec: change } };
    const changed = client.patch(Service, { namespace: "default", name: "a" }, patch);
    expect(await outcome(changed)).toBe(wants);
    // What was given up is free, what was kept is not.
    const second = await outcome(client.create(Service, service({ clusterIP: "fd00::7" }, "b")));
    const isKept = before === DUAL && wants.includes("4,6");
    const isRefused = before === DUAL && wants.startsWith("spec.");
    expect(second.includes("already allocated")).toBe(isKept || isRefused);
  });

  test("from a name of elsewhere: it is a Service as any other then", async () => {
    const client = await server("both");
    await client.create(
      Service,
      service({ type: "ExternalName", externalName: "a.example", ports: undefined }),
    );
    const body = { spec: { type: "ClusterIP", externalName: null, ports: PORTS } };
    const changed = client.patch(Service, { namespace: "default", name: "a" }, { type: "merge", body });
    expect(await outcome(changed)).toBe("SingleStack IPv4 4");
  });

  test("a cluster that gets a second family changes no Service by itself", async () => {
    const store = createMemoryStore();
    const before = await server("four", store);
    await before.create(Service, service({ ipFamilyPolicy: "PreferDualStack" }));
    const after = await server("both", store);
    const at = { namespace: "default", name: "a" };
    const touched = (labels: object) =>
      after.patch(Service, at, { type: "merge", body: { metadata: { labels } } });
    expect(await outcome(touched({ a: "b" }))).toBe("PreferDualStack IPv4 4");
    const required = { type: "merge" as const, body: { spec: { ipFamilyPolicy: "RequireDualStack" } } };
    expect(await outcome(after.patch(Service, at, required))).toBe("RequireDualStack IPv4,IPv6 4,6");
    // One that loses it wants to be told what becomes of those who cannot be without.
    const again = await server("four", store);
    const labelled = { type: "merge" as const, body: { metadata: { labels: { c: "d" } } } };
    expect(await outcome(again.patch(Service, at, labelled))).toBe(
      `[${NO_DUAL}, spec.ipFamilies[1]: Invalid value: "IPv6": not configured on this cluster]`,
    );
  });
});

test("ServiceCIDR kubernetes says where addresses come from", async () => {
  const client = await server("both");
  const { spec, status } = await client.get(ServiceCIDR, { name: "kubernetes" });
  expect(spec?.cidrs).toEqual(["10.96.0.0/16", "fd00::/112"]);
  expect(status?.conditions?.map(({ type, status: is }) => `${type} ${is}`)).toEqual(["Ready True"]);
});
