import { beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Kind } from "../../api/kind.ts";
import { findKindByName, ServiceAccount } from "../../api/registry.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import type { ManagedFieldsEntry } from "../../apimachinery/managed-fields/owners.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import type { Client } from "../../client/client.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { createApiCore } from "../core.ts";

let clock: VirtualClock;
let client: Client;

beforeEach(async () => {
  clock = new VirtualClock();
  const store = createMemoryStore({ clock });
  const core = await createApiCore({ store, clock, random: seededRandom(7), log: silentLogger });
  client = core.client("test");
  await client.create(ServiceAccount, { metadata: { name: "default", namespace: "default" } });
});

type Manifest = KubernetesObject & Record<string, unknown>;

const KINDS: Readonly<Record<string, string>> = {
  cm: "v1/ConfigMap",
  pod: "v1/Pod",
  deploy: "apps/v1/Deployment",
};

function kindOf(short: string): Kind {
  return findKindByName(...(KINDS[short]!.match(/^(.*)\/(\w+)$/)!.slice(1) as [string, string]))!;
}

/** `manifest("cm", "data: {a: x}")`: named a, in default. */
function manifest(short: string, text: string): Manifest {
  const { metadata = {}, ...rest } = (parse(text) ?? {}) as Manifest;
  const [, apiVersion, kind] = KINDS[short]!.match(/^(.*)\/(\w+)$/)!;
  return { apiVersion, kind, metadata: { name: "a", namespace: "default", ...metadata }, ...rest };
}

const apply = (fieldManager: string, short: string, text: string, force = false): Promise<Manifest> =>
  client.patch(
    kindOf(short),
    { namespace: "default", name: "a" },
    { type: "apply", body: manifest(short, text), force },
    { fieldManager },
  ) as Promise<Manifest>;

const merge = (fieldManager: string, short: string, text: string, subresource?: string): Promise<Manifest> =>
  client.patch(
    kindOf(short),
    { namespace: "default", name: "a" },
    { type: "merge", body: parse(text) },
    { fieldManager, ...(subresource ? { subresource } : {}) },
  ) as Promise<Manifest>;

const create = (fieldManager: string, short: string, text: string): Promise<Manifest> =>
  client.create(kindOf(short), manifest(short, text), { fieldManager }) as Promise<Manifest>;

/** `m1 Apply: {"f:data":{"f:a":{}}}`, an entry a line. */
function owners(object: KubernetesObject): string[] {
  return (object.metadata?.managedFields ?? []).map(
    ({ manager, operation, subresource, fieldsV1 }: ManagedFieldsEntry) =>
      `${manager} ${operation}${subresource ? `/${subresource}` : ""}: ${JSON.stringify(fieldsV1)}`,
  );
}

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.reason}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

describe("who owns what after a write (api-policy 8.1)", () => {
  test("a creator owns what was said and what was defaulted, and the maps around it", async () => {
    expect(owners(await create("kubectl", "cm", "data: {a: x}"))).toEqual([
      'kubectl Update: {"f:data":{".":{},"f:a":{}}}',
    ]);
    const pod = await create(
      "kubectl",
      "pod",
      "spec: {containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}",
    );
    const [entry] = pod.metadata!.managedFields!;
    const { "f:containers": containers, ...rest } = entry!.fieldsV1!["f:spec"] as Record<string, unknown>;
    expect(containers).toEqual({
      'k:{"name":"c"}': {
        ".": {},
        "f:image": {},
        "f:imagePullPolicy": {},
        "f:name": {},
        "f:ports": {
          ".": {},
          'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {}, "f:protocol": {} },
        },
        "f:resources": {},
        "f:terminationMessagePath": {},
        "f:terminationMessagePolicy": {},
      },
    });
    // What admission added (the token's volume, tolerations, the account) belongs to nobody.
    expect(Object.keys(rest)).toEqual([
      "f:dnsPolicy",
      "f:enableServiceLinks",
      "f:restartPolicy",
      "f:schedulerName",
      "f:securityContext",
      "f:terminationGracePeriodSeconds",
    ]);
  });

  test("an applier owns just what it says; what is atomic is one leaf", async () => {
    const text = `{metadata: {labels: {x: y}, finalizers: [a.io/x]}, spec: {nodeSelector: {a: b},
      tolerations: [{operator: Exists}], imagePullSecrets: [{name: s}], containers: [{name: c, image: i,
      ports: [{containerPort: 80}]}]}}`;
    expect(owners(await apply("m1", "pod", text))).toEqual([
      'm1 Apply: {"f:metadata":{"f:finalizers":{"v:\\"a.io/x\\"":{}},"f:labels":{"f:x":{}}},"f:spec":{' +
        '"f:containers":{"k:{\\"name\\":\\"c\\"}":{".":{},"f:image":{},"f:name":{},"f:ports":{' +
        '"k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:containerPort":{}}}}},' +
        '"f:imagePullSecrets":{"k:{\\"name\\":\\"s\\"}":{}},"f:nodeSelector":{},"f:tolerations":{}}}',
    ]);
  });

  test("a change takes the field from its owner; an entry that owns nothing is gone", async () => {
    await create("m2", "cm", "data: {a: x}");
    await apply("m1", "cm", "data: {b: x}");
    expect(owners(await merge("m3", "cm", "data: {b: z}"))).toEqual([
      'm2 Update: {"f:data":{".":{},"f:a":{}}}',
      'm3 Update: {"f:data":{"f:b":{}}}',
    ]);
  });

  test("status, scale and the main resource are managers of their own", async () => {
    await create(
      "kubectl",
      "deploy",
      "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}",
    );
    await merge("kubectl", "deploy", "spec: {replicas: 3}", "scale");
    const after = await merge(
      "controller",
      "deploy",
      "{status: {replicas: 3}, spec: {paused: true}}",
      "status",
    );
    const [status, main, scale] = owners(after);
    expect([status, scale]).toEqual([
      'controller Update/status: {"f:status":{"f:replicas":{}}}',
      'kubectl Update/scale: {"f:spec":{"f:replicas":{}}}',
    ]);
    expect(main).toContain(
      '"f:template":{"f:metadata":{"f:labels":{".":{},"f:a":{}}},"f:spec":{"f:containers":{"k:',
    );
    expect(main).not.toContain("f:replicas");
  });

  test("[{}] forgets them all, null does not; a write then is tracked again only after an apply", async () => {
    await create("m1", "cm", "data: {a: x}");
    expect(owners(await merge("m2", "cm", "{metadata: {managedFields: null}, data: {b: x}}"))).toHaveLength(
      2,
    );
    expect(owners(await merge("m2", "cm", "metadata: {managedFields: [{}]}"))).toEqual([]);
    expect(owners(await merge("m2", "cm", "data: {b: y}"))).toEqual([]);
    expect(owners(await apply("m3", "cm", "data: {c: x}"))).toEqual([
      'm3 Apply: {"f:data":{"f:c":{}}}',
      'before-first-apply Update: {"f:data":{".":{},"f:a":{},"f:b":{}}}',
    ]);
  });

  test("of more than ten updaters the oldest become ancient", async () => {
    await create("u0", "cm", "data: {k0: x}");
    for (let i = 1; i <= 11; i++) {
      await clock.advance(1000);
      await merge(`u${i}`, "cm", `data: {k${i}: x}`);
    }
    const names = owners(await client.get(kindOf("cm"), { namespace: "default", name: "a" })).map(
      (one) => one.split(" ")[0],
    );
    expect(names).toEqual(["ancient-changes", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "u10", "u11"]);
  });
});

describe("server-side apply (api-policy 8.3)", () => {
  test.each([
    {
      name: "removes what its applier does not say any more",
      steps: ["m1 {a: x, b: x}", "m1 {a: x}"],
      data: { a: "x" },
      owned: ['m1 Apply: {"f:data":{"f:a":{}}}'],
    },
    {
      name: "keeps what somebody else owns too",
      steps: ["m1 {a: x, b: x}", "m2 {b: x}", "m1 {a: x}"],
      data: { a: "x", b: "x" },
      owned: ['m2 Apply: {"f:data":{"f:b":{}}}', 'm1 Apply: {"f:data":{"f:a":{}}}'],
    },
    {
      name: "shares a field of the same value",
      steps: ["m1 {a: x}", "m2 {a: x}"],
      data: { a: "x" },
      owned: ['m2 Apply: {"f:data":{"f:a":{}}}', 'm1 Apply: {"f:data":{"f:a":{}}}'],
    },
    {
      name: "takes a field by force",
      steps: ["m1 {a: x, b: x}", "m2! {a: y}"],
      data: { a: "y", b: "x" },
      owned: ['m1 Apply: {"f:data":{"f:b":{}}}', 'm2 Apply: {"f:data":{"f:a":{}}}'],
    },
  ])("$name", async ({ steps, data, owned }) => {
    let last: Manifest | undefined;
    for (const step of steps) {
      const [who = "", ...text] = step.split(" ");
      last = await apply(who.replace("!", ""), "cm", `data: ${text.join(" ")}`, who.endsWith("!"));
    }
    expect(last!["data"]).toEqual(data);
    expect(owners(last!)).toEqual(owned);
  });

  test("an apply that changes nothing writes nothing; a co-owner that changed nothing has no time", async () => {
    const first = await apply("m1", "cm", "data: {a: x}");
    await clock.advance(60_000);
    expect((await apply("m1", "cm", "data: {a: x}")).metadata).toEqual(first.metadata);
    const shared = await apply("m2", "cm", "data: {a: x}");
    expect(shared.metadata!.managedFields!.map(({ manager, time }) => [manager, time])).toEqual([
      ["m2", undefined],
      ["m1", first.metadata!.managedFields![0]!.time],
    ]);
  });

  test.each([
    ["m2 {a: y}", '1 conflict: conflict with "m1": .data.a'],
    ["m2 {a: y, c: y}", '2 conflicts: conflicts with "m1":\n- .data.a\n- .data.c'],
    ["m2 {z: y}", '1 conflict: conflict with "editor" using v1: .data.z'],
    [
      "m2 {a: y, z: y}",
      '2 conflicts: conflicts with "editor" using v1:\n- .data.z\nconflicts with "m1":\n- .data.a',
    ],
  ])("%s is refused: %s", async (step, what) => {
    await apply("m1", "cm", "data: {a: x, b: x, c: x}");
    await merge("editor", "cm", "data: {z: x}");
    const [who = "", ...text] = step.split(" ");
    const call = apply(who, "cm", `data: ${text.join(" ")}`);
    expect(await refusal(call)).toBe(`409 Conflict: Apply failed with ${what}`);
  });

  test("a conflict with a subresource's writer names it", async () => {
    const text = (replicas: number) =>
      `spec: {replicas: ${replicas}, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}`;
    await apply("m1", "deploy", text(1));
    await merge("hpa", "deploy", "spec: {replicas: 5}", "scale");
    expect(await refusal(apply("m1", "deploy", text(1)))).toBe(
      '409 Conflict: Apply failed with 1 conflict: conflict with "hpa" with subresource "scale" using apps/v1: .spec.replicas',
    );
  });

  test("items of a list are kept by their keys, and in the applied order", async () => {
    const containers = (names: string) =>
      `spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [${names
        .split("")
        .map((name) => `{name: ${name}, image: i}`)
        .join(", ")}]}}}`;
    const names = (object: Manifest) =>
      (object["spec"] as { template: { spec: { containers: { name: string }[] } } }).template.spec.containers
        .map(({ name }) => name)
        .join("");
    await apply("m1", "deploy", containers("abc"));
    expect(names(await apply("m2", "deploy", containers("dc")))).toBe("abdc");
    expect(names(await apply("m1", "deploy", containers("ca")))).toBe("dca");
    expect(names(await apply("m2", "deploy", containers("c")))).toBe("ca");
  });

  test.each([
    [
      "foo: 1",
      "500 : failed to create typed patch object (default/a; v1, Kind=ConfigMap): .foo: field not declared in schema",
    ],
    [
      "data: 5",
      "500 : failed to create typed patch object (default/a; v1, Kind=ConfigMap): .data: expected map, got &{5}",
    ],
    [
      "metadata: {finalizers: [a.io/x, a.io/x]}",
      '500 : failed to create typed patch object (default/a; v1, Kind=ConfigMap): .metadata.finalizers: duplicate entries for key [="a.io/x"]',
    ],
    ["kind: Secret", "400 BadRequest: invalid object type: /v1, Kind=Secret"],
    ["{apiVersion: '', kind: ''}", "400 BadRequest: invalid object type: /, Kind="],
    ["metadata: {managedFields: [{}]}", "400 BadRequest: metadata.managedFields must be nil"],
    [
      "metadata: {uid: abc}",
      '422 Invalid: ConfigMap "a" is invalid: metadata.uid: Invalid value: "abc": field is immutable',
    ],
    ["{metadata: {resourceVersion: '5'}, data: {a: x}}", "accepted"],
  ])("a configuration with %s is answered %s", async (text, answer) => {
    expect(await refusal(apply("m1", "cm", text))).toBe(answer);
  });

  test("a stale resourceVersion is a conflict when the object is there", async () => {
    await create("m1", "cm", "data: {a: x}");
    const call = apply("m2", "cm", "{metadata: {resourceVersion: '5'}, data: {b: x}}");
    expect(await refusal(call)).toContain("409 Conflict: Operation cannot be fulfilled");
  });

  test("kubectl may change what it applied itself on the client's side, and keeps the annotation true", async () => {
    const last = JSON.stringify(manifest("cm", "data: {a: x}"));
    const annotation = "kubectl.kubernetes.io/last-applied-configuration";
    await create(
      "kubectl-client-side-apply",
      "cm",
      `{metadata: {annotations: {${annotation}: '${last}'}}, data: {a: x, b: x}}`,
    );
    expect(await refusal(apply("other", "cm", "data: {a: y}"))).toContain("409 Conflict");
    expect(await refusal(apply("kubectl", "cm", "data: {b: y}"))).toContain("409 Conflict");
    const applied = await apply("kubectl", "cm", "data: {a: y}");
    expect(applied["data"]).toEqual({ a: "y", b: "x" });
    expect(JSON.parse(applied.metadata!.annotations![annotation]!)["data"]).toEqual({ a: "y" });
  });
});

describe("server-side apply of subresources", () => {
  const TEMPLATE =
    "selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}";
  const scale = (fieldManager: string, spec: string, force = false, more = "") =>
    client.patch(
      kindOf("deploy"),
      { namespace: "default", name: "a" },
      {
        type: "apply",
        force,
        body: parse(`{apiVersion: autoscaling/v1, kind: Scale, metadata: {name: a}, spec: {${spec}}${more}}`),
      },
      { fieldManager, subresource: "scale" },
    ) as Promise<Manifest>;
  const deployment = () => client.get(kindOf("deploy"), { namespace: "default", name: "a" });
  /** `m1 Apply/scale f:replicas`, those who own the replicas. */
  const ownersOfReplicas = async () =>
    owners(await deployment())
      .filter((one) => one.includes("f:replicas"))
      .map((one) => one.split(":")[0]);

  test("a Scale owns its parent's replicas, and nothing else", async () => {
    await apply("m1", "deploy", `spec: {${TEMPLATE}}`);
    const scaled = await scale("hpa", "replicas: 4");
    expect([scaled.kind, scaled["spec"]]).toEqual(["Scale", { replicas: 4 }]);
    expect(owners(await deployment())).toContain('hpa Apply/scale: {"f:spec":{"f:replicas":{}}}');
    const before = (await deployment()).metadata?.resourceVersion;
    await scale("hpa", "replicas: 4");
    expect((await deployment()).metadata?.resourceVersion).toBe(before);
    await scale("hpa", "replicas: 5");
    expect((await deployment()) as Manifest).toMatchObject({ spec: { replicas: 5 } });
    expect(await ownersOfReplicas()).toEqual(["hpa Apply/scale"]);
  });

  test("somebody else's replicas are a conflict, and are taken by force", async () => {
    await apply("m1", "deploy", `spec: {replicas: 1, ${TEMPLATE}}`);
    expect(await refusal(scale("hpa", "replicas: 4"))).toBe(
      '409 Conflict: Apply failed with 1 conflict: conflict with "m1": .spec.replicas',
    );
    await scale("hpa", "replicas: 4", true);
    expect(await ownersOfReplicas()).toEqual(["hpa Apply/scale"]);
    expect(await refusal(apply("m1", "deploy", `spec: {replicas: 1, ${TEMPLATE}}`))).toBe(
      '409 Conflict: Apply failed with 1 conflict: conflict with "hpa" with subresource "scale": .spec.replicas',
    );
  });

  test.each([
    [
      "replicas: -1",
      "",
      '422 Invalid: Scale.autoscaling "a" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      "foo: 1",
      "",
      "500 : failed to create typed patch object (/a; autoscaling/v1, Kind=Scale): .spec.foo: field not declared in schema",
    ],
    [
      "replicas: 1",
      ", kind: Deployment",
      "400 BadRequest: invalid object type: autoscaling/v1, Kind=Deployment",
    ],
    [
      "replicas: 1",
      ", metadata: {name: b}",
      "400 BadRequest: the name of the object (b) does not match the name on the URL (a)",
    ],
  ])("a Scale of {%s%s} is refused", async (spec, more, answer) => {
    await apply("m1", "deploy", `spec: {${TEMPLATE}}`);
    // The later of two keys counts.
    const text = (await import("yaml")).parseDocument(
      `{apiVersion: autoscaling/v1, kind: Scale, metadata: {name: a}, spec: {${spec}}${more}}`,
      { uniqueKeys: false },
    );
    const call = client.patch(
      kindOf("deploy"),
      { namespace: "default", name: "a" },
      { type: "apply", body: text.toJS() },
      { fieldManager: "hpa", subresource: "scale" },
    );
    expect(await refusal(call)).toBe(answer);
  });

  test("resources of a pod are applied through resize, and only they", async () => {
    await create("m1", "pod", "spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 1}}}]}");
    const resize = (container: string) =>
      client.patch(
        kindOf("pod"),
        { namespace: "default", name: "a" },
        {
          type: "apply",
          body: manifest("pod", `spec: {containers: [{name: c, ${container}}]}`),
          force: true,
        },
        { fieldManager: "m2", subresource: "resize" },
      ) as Promise<Manifest>;
    const resized = await resize("resources: {requests: {cpu: 2}}");
    expect(resized["spec"]).toMatchObject({ containers: [{ resources: { requests: { cpu: "2" } } }] });
    expect(owners(resized).some((one) => one.startsWith("m2 Apply/resize: "))).toBe(true);
    const image = await resize("image: other, resources: {requests: {cpu: 2}}");
    expect(image["spec"]).toMatchObject({ containers: [{ image: "i" }] });
  });
});
