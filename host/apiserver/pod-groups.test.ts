import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { PodGroup, Workload } from "../api/alpha-kinds.ts";
import type { V1alpha2PodGroup, V1Deployment, V1Pod } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import { ClusterRole, Deployment, Pod, ServiceAccount } from "../api/registry.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { ApiError } from "../apimachinery/errors.ts";
import { parseFeatureGates } from "../apimachinery/feature-gates.ts";
import { silentLogger } from "../apimachinery/log.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { seededRandom } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { type ApiCore, createApiCore } from "./core.ts";
import { discoveryOf } from "./discovery.ts";
import type { FeatureOptions } from "./runtime-config.ts";

const VERSION = "scheduling.k8s.io/v1alpha2";
const ON: FeatureOptions = {
  runtimeConfig: new Set([VERSION]),
  featureGates: parseFeatureGates("GenericWorkload=true"),
};

async function open(features: FeatureOptions): Promise<{ core: ApiCore; client: Client }> {
  const core = await createApiCore({
    ...features,
    clock: new VirtualClock(),
    store: createMemoryStore(),
    random: seededRandom(7),
    log: silentLogger,
  });
  const client = core.client("test");
  await client.create(ServiceAccount, { metadata: { name: "default", namespace: "default" } });
  return { core, client };
}

let core: ApiCore;
let client: Client;
beforeAll(async () => {
  ({ core, client } = await open(ON));
});

/** An object in namespace default; its metadata and spec as YAML. */
const object = (kind: Kind, name: string, spec: string) =>
  ({
    apiVersion: `${kind.group}/${kind.version}`,
    kind: kind.kind,
    metadata: { name, namespace: "default" },
    spec: parse(spec),
  }) as KubernetesObject;
const asKind = (kind: unknown) => kind as Kind;
/** What is wrong with it, one line a field; "accepted". */
async function answer(call: Promise<unknown>): Promise<string[]> {
  try {
    await call;
    return ["accepted"];
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const [, list = `${error.code} ${error.message}`] =
      / is invalid: \[?(.*?)\]?$/s.exec(error.message) ?? [];
    return list.split(/, (?=spec\.)/);
  }
}
const tryOut = (kind: unknown, spec: string) =>
  answer(client.create(asKind(kind), object(asKind(kind), "tried", spec), { dryRun: true }));

describe("what is served", () => {
  const versions = (features: FeatureOptions) =>
    open(features).then(({ core: { api } }) => {
      const resources = discoveryOf(api).apiResourceList("scheduling.k8s.io", "v1alpha2") as
        | { resources: { name: string; verbs: string[] }[] }
        | undefined;
      return resources?.resources.map(({ name }) => name).join(" ");
    });

  test.each([
    ["nothing", {}, undefined],
    ["the version alone", { runtimeConfig: ON.runtimeConfig! }, undefined],
    ["the feature alone", { featureGates: ON.featureGates! }, undefined],
    ["both", ON, "podgroups podgroups/status workloads"],
  ])("%s is asked for", async (_, features, wants) => {
    expect(await versions(features)).toBe(wants);
  });

  test("v1 stays what the group is known for", () => {
    const group = discoveryOf(core.api).apiGroup("scheduling.k8s.io");
    expect(group).toMatchObject({
      versions: [{ version: "v1" }, { version: "v1alpha2" }],
      preferredVersion: { version: "v1" },
    });
  });

  test("a client that knows the kind is told that it is not there", async () => {
    const { client: other } = await open({});
    expect(await answer(other.list(PodGroup))).toEqual([
      "404 the server could not find the requested resource",
    ]);
  });

  test("the scheduler may read groups and say what became of them, while the feature is on", async () => {
    const rulesOf = async (of: Client) =>
      ((await of.get(ClusterRole, { name: "system:kube-scheduler" })).rules ?? []).filter(({ apiGroups }) =>
        apiGroups?.includes("scheduling.k8s.io"),
      );
    expect(await rulesOf(client)).toEqual([
      { apiGroups: ["scheduling.k8s.io"], resources: ["podgroups"], verbs: ["get", "list", "watch"] },
      { apiGroups: ["scheduling.k8s.io"], resources: ["podgroups/status"], verbs: ["patch", "update"] },
    ]);
    expect(await rulesOf((await open({})).client)).toEqual([]);
  });
});

describe("PodGroup", () => {
  const POLICY = "spec.schedulingPolicy";
  const REF = "spec.podGroupTemplateRef";
  test.each([
    ["{schedulingPolicy: {gang: {minCount: 3}}}", ["accepted"]],
    ["{schedulingPolicy: {basic: {}}}", ["accepted"]],
    ["{schedulingPolicy: {gang: {minCount: 0}}}", [`${POLICY}.gang.minCount: Required value`]],
    ["{schedulingPolicy: {gang: {}}}", [`${POLICY}.gang.minCount: Required value`]],
    [
      "{schedulingPolicy: {gang: {minCount: -1}}}",
      [`${POLICY}.gang.minCount: Invalid value: -1: must be greater than or equal to 1`],
    ],
    ["{}", [`${POLICY}: Invalid value: "": must specify one of: \`basic\`, \`gang\``]],
    [
      "{schedulingPolicy: {basic: {}, gang: {minCount: 1}}}",
      [`${POLICY}: Invalid value: "{basic, gang}": must specify exactly one of: \`basic\`, \`gang\``],
    ],
    [
      "{schedulingPolicy: {basic: {}}, podGroupTemplateRef: {}}",
      [`${REF}: Invalid value: "": must specify one of: \`workload\``],
    ],
    [
      "{schedulingPolicy: {basic: {}}, podGroupTemplateRef: {workload: {}}}",
      [
        `${REF}.workload.workloadName: Required value`,
        `${REF}.workload.podGroupTemplateName: Required value`,
      ],
    ],
  ])("%s", async (spec, wants) => {
    expect(await tryOut(PodGroup, spec)).toEqual(wants);
  });

  test("is protected, and drops what needs features that are not here", async () => {
    const spec = `{schedulingPolicy: {gang: {minCount: 2}}, schedulingConstraints: {topology: [{key: rack}]},
      disruptionMode: PodGroup, priorityClassName: x, priority: 7, resourceClaims: [{name: a, resourceClaimName: b}]}`;
    const made = (await client.create(asKind(PodGroup), object(asKind(PodGroup), "whole", spec))) as never;
    const { metadata, spec: kept } = made as V1alpha2PodGroup;
    expect(metadata?.finalizers).toEqual(["scheduling.k8s.io/podgroup-protection"]);
    expect(kept).toEqual({ schedulingPolicy: { gang: { minCount: 2 } } });
  });

  test("keeps its policy, and its status to /status", async () => {
    const reference = { namespace: "default", name: "kept" };
    await client.create(
      asKind(PodGroup),
      object(asKind(PodGroup), "kept", "{schedulingPolicy: {basic: {}}}"),
    );
    const change = (body: unknown, subresource?: string) =>
      client.patch(PodGroup, reference, { type: "merge", body }, subresource ? { subresource } : {});
    expect(
      await answer(change({ spec: { schedulingPolicy: { basic: null, gang: { minCount: 1 } } } })),
    ).toEqual(['spec.schedulingPolicy: Invalid value: {"gang":{"minCount":1}}: field is immutable']);
    const conditions = [
      {
        type: "PodGroupScheduled",
        status: "True",
        reason: "Scheduled",
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      },
    ];
    expect((await change({ status: { conditions } })).status).toBeUndefined();
    expect((await change({ status: { conditions } }, "status")).status).toEqual({ conditions });
  });

  test.each([
    ["nobody", "t", 'Workload "nobody" not found'],
    ["jobs", "other", 'PodGroupTemplate "other" not found in Workload "jobs"'],
    ["jobs", "main", undefined],
  ])("of Workload %s, template %s", async (workloadName, podGroupTemplateName, why) => {
    const templates = "{podGroupTemplates: [{name: main, schedulingPolicy: {basic: {}}}]}";
    await client.create(asKind(Workload), object(asKind(Workload), "jobs", templates)).catch(() => undefined);
    const reference = JSON.stringify({ workload: { workloadName, podGroupTemplateName } });
    expect(
      await tryOut(PodGroup, `{schedulingPolicy: {basic: {}}, podGroupTemplateRef: ${reference}}`),
    ).toEqual([
      why === undefined
        ? "accepted"
        : `403 podgroups.scheduling.k8s.io "tried" is forbidden: PodGroup rejected: ${why}`,
    ]);
  });
});

describe("Workload", () => {
  const LIST = "spec.podGroupTemplates";
  const nine = Array.from({ length: 9 }, (_, i) => `{name: t${i}, schedulingPolicy: {basic: {}}}`);
  test.each([
    ["{podGroupTemplates: [{name: a, schedulingPolicy: {gang: {minCount: 2}}}]}", ["accepted"]],
    ["{podGroupTemplates: []}", [`${LIST}: Required value`]],
    [`{podGroupTemplates: [${nine.join()}]}`, [`${LIST}: Too many: 9: must have at most 8 items`]],
    [
      "{podGroupTemplates: [{name: a, schedulingPolicy: {basic: {}}}, {name: a, schedulingPolicy: {}}]}",
      [
        `${LIST}[1]: Duplicate value: {"name":"a"}`,
        `${LIST}[1].schedulingPolicy: Invalid value: "": must specify one of: \`basic\`, \`gang\``,
      ],
    ],
    [
      "{controllerRef: {kind: a/b}, podGroupTemplates: [{name: a, schedulingPolicy: {basic: {}}}]}",
      [
        `spec.controllerRef.kind: Invalid value: "a/b": may not contain '/'`,
        "spec.controllerRef.name: Required value",
      ],
    ],
  ])("%s", async (spec, wants) => {
    expect(await tryOut(Workload, spec)).toEqual(wants);
  });
});

describe("spec.schedulingGroup of pods", () => {
  const spec = (group: string) => ({
    containers: [{ name: "c", image: "i" }],
    schedulingGroup: parse(group),
  });
  const pod = (group: string): V1Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a", namespace: "default" },
    spec: spec(group),
  });
  const deployment = (group: string): V1Deployment => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "a", namespace: "default" },
    spec: {
      selector: { matchLabels: { a: "b" } },
      template: { metadata: { labels: { a: "b" } }, spec: spec(group) },
    },
  });

  test.each([
    ["{podGroupName: ring}", ["accepted"]],
    ["{}", ['spec.schedulingGroup: Invalid value: "": must specify one of: `podGroupName`']],
    [
      "{podGroupName: A_B}",
      [
        expect.stringContaining(
          'spec.schedulingGroup.podGroupName: Invalid value: "A_B": a lowercase RFC 1123',
        ),
      ],
    ],
  ])("%s", async (group, wants) => {
    expect(await answer(client.create(Pod, pod(group), { dryRun: true }))).toEqual(wants);
  });

  test("is dropped while the feature is off, from pods and their templates, and stays where it was", async () => {
    const { client: other } = await open({});
    expect((await other.create(Pod, pod("{podGroupName: ring}"))).spec?.schedulingGroup).toBeUndefined();
    const made = await other.create(Deployment, deployment("{podGroupName: ring}"));
    expect(made.spec?.template.spec?.schedulingGroup).toBeUndefined();
    expect(
      (await client.create(Deployment, deployment("{podGroupName: ring}"))).spec?.template.spec,
    ).toMatchObject({
      schedulingGroup: { podGroupName: "ring" },
    });
  });

  test("cannot be changed", async () => {
    await client.create(Pod, pod("{podGroupName: ring}"));
    const reference = { namespace: "default", name: "a" };
    const body = { spec: { schedulingGroup: { podGroupName: "other" } } };
    expect(await answer(client.patch(Pod, reference, { type: "merge", body }))).toEqual([
      expect.stringContaining("spec: Forbidden: pod updates may not change fields other than"),
    ]);
  });
});
