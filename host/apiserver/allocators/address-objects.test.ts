import { beforeEach, expect, test } from "vitest";
import {
  IPAddress,
  Service,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from "../../api/registry.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import type { Client } from "../../client/client.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { createApiCore } from "../core.ts";

const store = () => createMemoryStore();
let shared: ReturnType<typeof store>;
let clock: VirtualClock;
let client: Client;

async function server(seed: number): Promise<Client> {
  const core = await createApiCore({
    store: shared,
    clock,
    random: seededRandom(seed),
    log: silentLogger,
    serviceClusterIpRange: "10.96.0.0/16,fd00::/112",
  });
  return core.client("tester");
}

beforeEach(async () => {
  shared = store();
  clock = new VirtualClock();
  client = await server(1);
});

/** `10.96.0.7 default/a`, a line an object. */
async function objects(): Promise<string[]> {
  await clock.advance(10);
  const { items } = await client.list(IPAddress);
  return items.map(({ metadata, spec }) => {
    const { namespace, name } = spec!.parentRef!;
    const isOurs = metadata?.labels?.["ipaddress.kubernetes.io/managed-by"] === "ipallocator.k8s.io";
    return `${metadata?.name} ${namespace}/${name}${isOurs ? "" : " by hand"}`;
  });
}

const make = (name: string, clusterIPs: string[]) =>
  client.create(Service, {
    metadata: { name, namespace: "default" },
    spec: {
      ports: [{ port: 80 }],
      clusterIP: clusterIPs[0],
      clusterIPs,
      ...(clusterIPs.length > 1 ? { ipFamilyPolicy: "RequireDualStack" } : {}),
    },
  });

test("each address of a Service has an object while the Service has it", async () => {
  await make("a", ["10.96.0.7", "fd00::7"]);
  expect(await objects()).toEqual(["10.96.0.7 default/a", "fd00::7 default/a"]);
  const one = await client.get(IPAddress, { name: "fd00::7" });
  expect(one.metadata?.labels?.["ipaddress.kubernetes.io/ip-family"]).toBe("IPv6");
  expect(one.spec).toEqual({
    parentRef: { resource: "services", namespace: "default", name: "a" },
  });
  const single = { spec: { ipFamilyPolicy: "SingleStack" } };
  await client.patch(Service, { namespace: "default", name: "a" }, { type: "merge", body: single });
  expect(await objects()).toEqual(["10.96.0.7 default/a"]);
  await client.delete(Service, { namespace: "default", name: "a" });
  await make("b", ["10.96.0.7"]);
  expect(await objects()).toEqual(["10.96.0.7 default/b"]);
});

test("one that is deleted comes again; one that somebody made stays, and is not ours", async () => {
  await make("a", ["10.96.0.7"]);
  await objects();
  await client.delete(IPAddress, { name: "10.96.0.7" });
  const parentRef = { resource: "widgets", group: "a.io", name: "w" };
  await client.create(IPAddress, { metadata: { name: "10.96.0.9" }, spec: { parentRef } });
  expect(await objects()).toEqual(["10.96.0.7 default/a", "10.96.0.9 undefined/w by hand"]);
  // The Service keeps what it has, whatever becomes of the object.
  await client.delete(IPAddress, { name: "10.96.0.7" });
  await expect(make("b", ["10.96.0.7"])).rejects.toThrow(/already allocated/);
});

test("one that may not be written does not keep the others, and is tried again", async () => {
  const matched = { apiGroups: ["networking.k8s.io"], apiVersions: ["v1"], resources: ["ipaddresses"] };
  await client.create(ValidatingAdmissionPolicy, {
    metadata: { name: "no-seven" },
    spec: {
      matchConstraints: { resourceRules: [{ ...matched, operations: ["CREATE"] }] },
      validations: [{ expression: "object.metadata.name != '10.96.0.7'" }],
    },
  });
  await client.create(ValidatingAdmissionPolicyBinding, {
    metadata: { name: "no-seven" },
    spec: { policyName: "no-seven", validationActions: ["Deny"] },
  });
  await clock.advance(5_000);
  await make("a", ["10.96.0.7"]);
  await make("b", ["10.96.0.8"]);
  expect(await objects()).toEqual(["10.96.0.8 default/b"]);
  await client.delete(ValidatingAdmissionPolicyBinding, { name: "no-seven" });
  await clock.advance(10_000);
  expect(await objects()).toEqual(["10.96.0.7 default/a", "10.96.0.8 default/b"]);
});

test("a headless Service has none, and a second server finds them", async () => {
  await make("h", ["None"]);
  await make("a", ["10.96.0.7"]);
  await objects();
  client = await server(2);
  expect(await objects()).toEqual(["10.96.0.7 default/a"]);
});
