import { beforeEach, describe, expect, test } from "vitest";
import type { V1FlowSchema, V1PriorityLevelConfiguration } from "../../api/generated/types.ts";
import { FlowSchema, PriorityLevelConfiguration } from "../../api/registry.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import type { Client } from "../../client/client.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { User } from "../api.ts";
import { attributesOf } from "../authorization/attributes.ts";
import { type ApiCore, createApiCore } from "../core.ts";
import { parseRequest } from "../http/request-info.ts";
import { BOOTSTRAP_LEVELS, BOOTSTRAP_SCHEMAS } from "./bootstrap-objects.ts";
import { levelLimits } from "./flow-control.ts";
import { maxWaitMs } from "./gate.ts";

let clock: VirtualClock;
let core: ApiCore;
let client: Client;

beforeEach(async () => {
  clock = new VirtualClock();
  const store = await createMemoryStore({ clock });
  core = await createApiCore({ store, clock, random: seededRandom(1), log: silentLogger });
  client = core.client("admin");
});

const USERS: Readonly<Record<string, User>> = {
  root: { name: "root", groups: ["system:masters", "system:authenticated"] },
  anonymous: { name: "system:anonymous", groups: ["system:unauthenticated"] },
  ann: { name: "ann", groups: ["system:authenticated"] },
  node: { name: "system:node:n1", groups: ["system:nodes", "system:authenticated"] },
  manager: { name: "system:kube-controller-manager", groups: ["system:authenticated"] },
  scheduler: { name: "system:kube-scheduler", groups: ["system:authenticated"] },
  agent: {
    name: "system:serviceaccount:kube-system:agent",
    groups: ["system:serviceaccounts", "system:authenticated"],
  },
  app: {
    name: "system:serviceaccount:shop:app",
    groups: ["system:serviceaccounts", "system:authenticated"],
  },
  nobody: { name: "nobody", groups: [] },
};

function classify(who: string, method: string, url: string): string {
  const user = USERS[who]!;
  const { flows, level } = core.flowControl.classify(user, attributesOf(user, parseRequest(method, url)!));
  return `${flows.name} ${level.name}`;
}

const LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l";

describe("a request belongs to the first schema that speaks of it", () => {
  test.each([
    ["root", "GET", "/api/v1/pods", "exempt exempt"],
    ["root", "GET", "/metrics", "exempt exempt"],
    ["anonymous", "GET", "/livez", "probes exempt"],
    ["anonymous", "POST", "/livez", "global-default global-default"],
    ["anonymous", "GET", "/version", "global-default global-default"],
    ["manager", "GET", LEASE, "system-leader-election leader-election"],
    ["manager", "PUT", LEASE, "system-leader-election leader-election"],
    ["manager", "DELETE", LEASE, "kube-controller-manager workload-high"],
    ["manager", "GET", "/apis/coordination.k8s.io/v1/leases", "kube-controller-manager workload-high"],
    ["scheduler", "POST", "/api/v1/namespaces/d/pods/p/binding", "kube-scheduler workload-high"],
    ["agent", "PUT", LEASE, "system-leader-election leader-election"],
    ["agent", "GET", "/api/v1/pods", "kube-system-service-accounts workload-high"],
    ["app", "GET", "/api/v1/namespaces/shop/pods", "service-accounts workload-low"],
    ["node", "PATCH", "/api/v1/nodes/n1/status", "system-node-high node-high"],
    ["node", "PUT", LEASE, "system-node-high node-high"],
    ["node", "GET", "/api/v1/nodes/n1/proxy/x", "system-nodes system"],
    ["node", "GET", "/api/v1/pods", "system-nodes system"],
    ["ann", "GET", "/api/v1/namespaces/d/pods", "global-default global-default"],
    ["ann", "GET", "/apis", "global-default global-default"],
    ["nobody", "GET", "/apis", "catch-all catch-all"],
  ])("%s %s %s -> %s", (who, method, url, wants) => {
    expect(classify(who, method, url)).toBe(wants);
  });
});

test("bootstrap objects are what the verb create makes of them, and valid", async () => {
  for (const [kind, specs] of [
    [FlowSchema, BOOTSTRAP_SCHEMAS],
    [PriorityLevelConfiguration, BOOTSTRAP_LEVELS],
  ] as const) {
    const { items } = await client.list<V1FlowSchema | V1PriorityLevelConfiguration>(
      kind as typeof FlowSchema,
    );
    expect(items.map(({ metadata }) => metadata?.name).sort()).toEqual(Object.keys(specs).sort());
    for (const { metadata, spec } of items) {
      expect(spec).toEqual(specs[metadata?.name as keyof typeof specs]);
      expect(kind.validate?.({ metadata, spec: structuredClone(spec) } as never)).toEqual([]);
      const defaulted = { metadata, spec: structuredClone(spec) };
      kind.defaults?.(defaulted as never);
      expect(defaulted.spec).toEqual(spec);
    }
  }
});

describe("objects", () => {
  const condition = async (name: string) => {
    const { status } = await client.get(FlowSchema, { name });
    const { type, status: is, reason, message } = status?.conditions?.[0] ?? {};
    return { type, is, reason, message };
  };

  test("a schema is told whether its level is there", async () => {
    const spec = { priorityLevelConfiguration: { name: "batch" }, matchingPrecedence: 500, rules: [] };
    await client.create(FlowSchema, { metadata: { name: "jobs" }, spec });
    await clock.advance(10);
    const what = 'This FlowSchema references the PriorityLevelConfiguration object named "batch"';
    expect(await condition("jobs")).toEqual({
      type: "Dangling",
      is: "True",
      reason: "NotFound",
      message: `${what} but there is no such object`,
    });
    const limited = { limitResponse: { type: "Reject" } };
    await client.create(PriorityLevelConfiguration, {
      metadata: { name: "batch" },
      spec: { type: "Limited", limited },
    });
    await clock.advance(10);
    const found = { type: "Dangling", is: "False", reason: "Found", message: `${what} and it exists` };
    expect(await condition("jobs")).toEqual(found);
    expect(await condition("catch-all")).toMatchObject({ is: "False", reason: "Found" });
  });

  test("a new schema speaks from its creation on, and not while its level is missing", async () => {
    expect(classify("ann", "GET", "/apis")).toBe("global-default global-default");
    const rule = {
      subjects: [{ kind: "User", user: { name: "ann" } }],
      nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/apis", "/openapi/*"] }],
    };
    const schema = (name: string, level: string) => ({
      metadata: { name },
      spec: { priorityLevelConfiguration: { name: level }, matchingPrecedence: 50, rules: [rule] },
    });
    await client.create(FlowSchema, schema("dangling", "missing"));
    await client.create(FlowSchema, schema("reading", "system"));
    await clock.advance(1);
    expect(classify("ann", "GET", "/apis")).toBe("reading system");
    expect(classify("ann", "GET", "/openapi/v2")).toBe("reading system");
    expect(classify("ann", "GET", "/openapi")).toBe("global-default global-default");
    await client.delete(FlowSchema, { name: "reading" });
    await clock.advance(1);
    expect(classify("ann", "GET", "/apis")).toBe("global-default global-default");
  });

  test("the mandatory ones come back, the suggested ones stay away", async () => {
    for (const name of ["catch-all", "probes"]) await client.delete(FlowSchema, { name });
    await client.delete(PriorityLevelConfiguration, { name: "exempt" });
    expect(classify("nobody", "GET", "/apis")).toBe("catch-all catch-all");
    await clock.advance(2000);
    const names = (await client.list(FlowSchema)).items.map(({ metadata }) => metadata?.name);
    expect(names).toContain("catch-all");
    expect(names).not.toContain("probes");
    expect(classify("root", "GET", "/api/v1/pods")).toBe("exempt exempt");
  });

  test("what somebody has taken over stays as it is when the server starts again", async () => {
    const level = await client.get(PriorityLevelConfiguration, { name: "system" });
    const annotations = { "apf.kubernetes.io/autoupdate-spec": "false" };
    const changed = { ...level, metadata: { ...level.metadata, annotations } };
    changed.spec = { ...level.spec!, limited: { ...level.spec?.limited, nominalConcurrencyShares: 77 } };
    await client.update(PriorityLevelConfiguration, changed);
    const high = await client.get(PriorityLevelConfiguration, { name: "node-high" });
    const limited = { ...high.spec?.limited, nominalConcurrencyShares: 77 };
    await client.update(PriorityLevelConfiguration, { ...high, spec: { ...high.spec!, limited } });
    const { store } = core.api.objects;
    core.stop();
    core = await createApiCore({ store, clock, random: seededRandom(2), log: silentLogger });
    client = core.client("admin");
    const sharesOf = async (name: string) =>
      (await client.get(PriorityLevelConfiguration, { name })).spec?.limited?.nominalConcurrencyShares;
    expect(await sharesOf("system")).toBe(77);
    expect(await sharesOf("node-high")).toBe(40);
  });
});

test("600 seats by the suggested shares", () => {
  const objects = Object.entries(BOOTSTRAP_LEVELS).map(([name, spec]) => ({ metadata: { name }, spec }));
  const limits = levelLimits(objects, 600);
  expect(
    [...limits]
      .map(([name, { nominalSeats, lendableSeats }]) => `${name} ${nominalSeats} ${lendableSeats}`)
      .sort(),
  ).toEqual([
    "catch-all 13 0",
    "exempt 0 0",
    "global-default 49 25",
    "leader-election 25 0",
    "node-high 98 25",
    "system 74 24",
    "workload-high 98 49",
    "workload-low 245 221",
  ]);
});

test.each([
  [null, 15_000],
  ["0s", 15_000],
  ["10s", 2_500],
  ["1m30s", 15_000],
  ["500ms", 125],
])("of timeout %s, %d ms are for waiting", (timeout, wants) => {
  expect(maxWaitMs(timeout)).toBe(wants);
});
