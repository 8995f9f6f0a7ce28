import { beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Kind } from "../../api/kind.ts";
import { findKindByName } from "../../api/registry.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import type { Client } from "../../client/client.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { createApiCore } from "../core.ts";

let client: Client;
type Manifest = KubernetesObject & { spec?: Record<string, unknown>; [field: string]: unknown };

beforeEach(async () => {
  const clock = new VirtualClock();
  const store = createMemoryStore({ clock });
  const core = await createApiCore({ store, clock, random: seededRandom(7), log: silentLogger });
  client = core.client("test");
  await create("v1/ServiceAccount default");
});

/** `create("v1/Pod a", "spec: {…}")`, in namespace default. */
async function create(what: string, text = "{}"): Promise<Manifest> {
  const [path = "", name = ""] = what.split(" ");
  const [, apiVersion = "", kindName = ""] = /^(.*)\/(\w+)$/.exec(path) ?? [];
  const kind = findKindByName(apiVersion, kindName)! as Kind<KubernetesObject>;
  const { metadata, ...rest } = parse(text) as Manifest;
  const namespace = kind.namespaced ? { namespace: "default" } : {};
  const object = { apiVersion, kind: kindName, metadata: { name, ...namespace, ...metadata }, ...rest };
  return (await client.create(kind, object)) as Manifest;
}

async function get(what: string): Promise<Manifest> {
  const [path = "", name = ""] = what.split(" ");
  const [, apiVersion = "", kindName = ""] = /^(.*)\/(\w+)$/.exec(path) ?? [];
  const kind = findKindByName(apiVersion, kindName)! as Kind<KubernetesObject>;
  return (await client.get(kind, { name, ...(kind.namespaced ? { namespace: "default" } : {}) })) as Manifest;
}

/** Why a call was refused, without the object's name: `403 exceeded quota: …`. */
async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.message.replace(/^.*? is forbidden: /, "")}`;
    throw error;
  }
  return "accepted";
}

const pod = (resources: string) => `spec: {containers: [{name: c, image: i, resources: ${resources}}]}`;

describe("LimitRanger (api-policy 4.2)", () => {
  const DEFAULTS =
    "spec: {limits: [{type: Container, default: {cpu: 500m, memory: 1Gi}, defaultRequest: {cpu: 100m, memory: 256Mi}}]}";

  test("fills in what containers leave out, and says so", async () => {
    await create("v1/LimitRange r", DEFAULTS);
    const made = await create(
      "v1/Pod a",
      "spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 50m}}}], initContainers: [{name: d, image: i}]}",
    );
    const [container] = made.spec!["containers"] as { resources: unknown }[];
    expect(container!.resources).toEqual({
      requests: { cpu: "50m", memory: "256Mi" },
      limits: { cpu: "500m", memory: "1Gi" },
    });
    expect(made.metadata!.annotations).toEqual({
      "kubernetes.io/limit-ranger":
        "LimitRanger plugin set: memory request for container c; cpu, memory limit for container c; " +
        "cpu, memory request for init container d; cpu, memory limit for init container d",
    });
  });

  test.each([
    [
      "min: {cpu: 50m}",
      "{requests: {cpu: 10m}}",
      "minimum cpu usage per Container is 50m, but request is 10m",
    ],
    ["min: {cpu: 50m}", "{requests: {cpu: 60m}, limits: {memory: 1Gi}}", "accepted"],
    ["max: {cpu: 1}", "{limits: {cpu: 2}}", "maximum cpu usage per Container is 1, but limit is 2"],
    ["max: {cpu: 1}", "{limits: {cpu: 1}}", "accepted"],
    [
      "maxLimitRequestRatio: {cpu: 10}",
      "{requests: {cpu: 60m}, limits: {cpu: 1}}",
      "cpu max limit to request ratio per Container is 10, but provided ratio is 16.666667",
    ],
    [
      "maxLimitRequestRatio: {cpu: 10}",
      "{}",
      "cpu max limit to request ratio per Container is 10, but no request is specified or request is 0",
    ],
    [
      "min: {cpu: 50m, memory: 1Mi}",
      "{requests: {cpu: 10m, memory: 1Ki}}",
      "[minimum cpu usage per Container is 50m, but request is 10m, minimum memory usage per Container is 1Mi, but request is 1Ki]",
    ],
  ])("a container under {%s} with %s: %s", async (item, resources, answer) => {
    await create("v1/LimitRange r", `spec: {limits: [{type: Container, ${item}}]}`);
    expect(await refusal(create("v1/Pod a", pod(resources)))).toBe(
      answer === "accepted" ? answer : `403 ${answer}`,
    );
  });

  test("a pod is the sum of its containers, or its largest init container", async () => {
    await create("v1/LimitRange r", "spec: {limits: [{type: Pod, max: {cpu: 1}}]}");
    const two =
      "{name: c, image: i, resources: {limits: {cpu: 600m}}}, {name: d, image: i, resources: {limits: {cpu: 600m}}}";
    expect(await refusal(create("v1/Pod a", `spec: {containers: [${two}]}`))).toBe(
      "403 maximum cpu usage per Pod is 1, but limit is 1200m",
    );
    expect(await refusal(create("v1/Pod a", pod("{}")))).toBe(
      "403 maximum cpu usage per Pod is 1.  No limit is specified",
    );
    const init = "{name: e, image: i, resources: {limits: {cpu: 900m}}}";
    const main = "{name: c, image: i, resources: {limits: {cpu: 600m}}}";
    expect(
      await refusal(create("v1/Pod a", `spec: {initContainers: [${init}], containers: [${main}]}`)),
    ).toBe("accepted");
  });

  test.each([
    [
      "min: {storage: 1Gi}",
      "1Mi",
      "403 minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi",
    ],
    [
      "max: {storage: 5Gi}",
      "10Gi",
      "403 maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 10Gi",
    ],
    ["max: {storage: 5Gi}", "5Gi", "accepted"],
  ])("a claim under {%s} of %s: %s", async (item, storage, answer) => {
    await create("v1/LimitRange r", `spec: {limits: [{type: PersistentVolumeClaim, ${item}}]}`);
    expect(await refusal(create("v1/PersistentVolumeClaim a", claim(storage)))).toBe(answer);
  });
});

const claim = (storage: string) =>
  `spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: ${storage}}}}`;

describe("classes and protection (api-policy 4.5)", () => {
  const storageClass = (annotations: string) =>
    `{metadata: {annotations: {storageclass.kubernetes.io/is-default-class: "${annotations}"}}, provisioner: p}`;

  test("a claim without a class gets the default one, and a finalizer", async () => {
    await create("storage.k8s.io/v1/StorageClass other", storageClass("false"));
    await create("storage.k8s.io/v1/StorageClass usual", storageClass("true"));
    const made = await create("v1/PersistentVolumeClaim a", claim("1Gi"));
    expect(made.spec!["storageClassName"]).toBe("usual");
    expect(made.metadata!.finalizers).toEqual(["kubernetes.io/pvc-protection"]);
    const chosen = await create(
      "v1/PersistentVolumeClaim b",
      claim("1Gi").replace("spec: {", 'spec: {storageClassName: "", '),
    );
    expect(chosen.spec!["storageClassName"]).toBe("");
  });

  test("an Ingress without a class gets the default one", async () => {
    const annotations =
      '{metadata: {annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}, spec: {controller: a.io/b}}';
    await create("networking.k8s.io/v1/IngressClass usual", annotations);
    const made = await create(
      "networking.k8s.io/v1/Ingress a",
      "spec: {defaultBackend: {service: {name: s, port: {number: 80}}}}",
    );
    expect(made.spec!["ingressClassName"]).toBe("usual");
  });

  test("a RuntimeClass gives overhead and placement", async () => {
    await create(
      "node.k8s.io/v1/RuntimeClass gv",
      "{handler: h, overhead: {podFixed: {cpu: 250m}}, scheduling: {nodeSelector: {a: b}, tolerations: [{key: k, operator: Exists}]}}",
    );
    const made = await create("v1/Pod a", "spec: {runtimeClassName: gv, containers: [{name: c, image: i}]}");
    expect(made.spec!["overhead"]).toEqual({ cpu: "250m" });
    expect(made.spec!["nodeSelector"]).toEqual({ a: "b" });
    expect(made.spec!["tolerations"]).toContainEqual({ key: "k", operator: "Exists" });
  });

  test.each([
    ["runtimeClassName: none", '403 pod rejected: RuntimeClass "none" not found'],
    [
      "runtimeClassName: gv, nodeSelector: {a: z}",
      "403 conflict: runtimeClass.scheduling.nodeSelector[a] = b; pod.spec.nodeSelector[a] = z",
    ],
    [
      "runtimeClassName: gv, overhead: {cpu: 1}",
      "403 pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    [
      "overhead: {cpu: 1}",
      "403 pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
    ],
  ])("a pod with %s: %s", async (spec, answer) => {
    await create(
      "node.k8s.io/v1/RuntimeClass gv",
      "{handler: h, overhead: {podFixed: {cpu: 250m}}, scheduling: {nodeSelector: {a: b}}}",
    );
    expect(await refusal(create("v1/Pod a", `spec: {${spec}, containers: [{name: c, image: i}]}`))).toBe(
      answer,
    );
  });
});

describe("ResourceQuota (api-policy 4.7)", () => {
  /** A quota as its controller leaves it. */
  async function quota(hard: string, used: string, spec = ""): Promise<void> {
    const made = await create("v1/ResourceQuota q", `spec: {hard: {${hard}}${spec}}`);
    const status = parse(`{hard: {${hard}}, used: {${used}}}`) as Record<string, unknown>;
    const kind = findKindByName("v1", "ResourceQuota")! as Kind<KubernetesObject>;
    await client.update(kind, { ...made, status } as KubernetesObject, { subresource: "status" });
  }
  const used = async () => ((await get("v1/ResourceQuota q"))["status"] as { used: unknown }).used;

  test("is charged as objects come, and refuses what is too much", async () => {
    await quota("pods: '2', requests.cpu: '1'", "pods: '0', requests.cpu: '0'");
    await create("v1/Pod a", pod("{requests: {cpu: 600m}}"));
    expect(await used()).toEqual({ pods: "1", "requests.cpu": "600m" });
    expect(await refusal(create("v1/Pod b", pod("{requests: {cpu: 500m}}")))).toBe(
      "403 exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1",
    );
    await create("v1/Pod b", pod("{requests: {cpu: 400m}}"));
    expect(await refusal(create("v1/Pod c", pod("{requests: {cpu: 1m}}")))).toBe(
      "403 exceeded quota: q, requested: pods=1,requests.cpu=1m, used: pods=2,requests.cpu=1, limited: pods=2,requests.cpu=1",
    );
    expect(await used()).toEqual({ pods: "2", "requests.cpu": "1" });
  });

  test.each([
    [
      "requests.cpu: '1', limits.memory: 1Gi",
      "{}",
      "403 failed quota: q: must specify limits.memory for: c; requests.cpu for: c",
    ],
    ["pods: '0'", "{}", "403 exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"],
    [
      "count/pods: '0'",
      "{}",
      "403 exceeded quota: q, requested: count/pods=1, used: count/pods=0, limited: count/pods=0",
    ],
    [
      "requests.example.com/gpu: '1'",
      "{limits: {example.com/gpu: 2}}",
      "403 exceeded quota: q, requested: requests.example.com/gpu=2, used: requests.example.com/gpu=0, limited: requests.example.com/gpu=1",
    ],
    ["configmaps: '0'", "{}", "accepted"],
  ])("of {%s} for a pod with %s: %s", async (hard, resources, answer) => {
    const names = Object.keys(parse(`{${hard}}`) as object);
    await quota(hard, names.map((name) => `${name}: '0'`).join(", "));
    expect(await refusal(create("v1/Pod a", pod(resources)))).toBe(answer);
  });

  test("two that come at once do not both get the last place", async () => {
    await quota("pods: '1'", "pods: '0'");
    const answers = await Promise.all(["a", "b"].map((name) => refusal(create(`v1/Pod ${name}`, pod("{}")))));
    expect(answers.sort()).toEqual([
      "403 exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1",
      "accepted",
    ]);
  });

  test("a new quota limits nothing until its controller has seen it; a scope picks its pods", async () => {
    await create("v1/ResourceQuota early", "spec: {hard: {pods: '0'}}");
    expect(await refusal(create("v1/Pod a", pod("{}")))).toBe("accepted");
    await quota("pods: '0'", "pods: '0'", ", scopes: [BestEffort]");
    expect(await refusal(create("v1/Pod b", pod("{requests: {cpu: 1}}")))).toBe("accepted");
    expect(await refusal(create("v1/Pod c", pod("{}")))).toContain("exceeded quota: q");
  });

  test("an update is charged for what it takes more", async () => {
    await quota("services.nodeports: '1'", "services.nodeports: '0'");
    const made = await create("v1/Service s", "spec: {selector: {a: b}, ports: [{name: x, port: 1}]}");
    const kind = findKindByName("v1", "Service")! as Kind<KubernetesObject>;
    const open = (ports: string) =>
      client.patch(
        kind,
        { namespace: "default", name: "s" },
        { type: "merge", body: parse(`spec: {type: NodePort, ports: [${ports}]}`) },
      );
    await open("{name: x, port: 1}");
    expect(await used()).toEqual({ "services.nodeports": "1" });
    expect(await refusal(open("{name: x, port: 1}, {name: y, port: 2}"))).toContain("exceeded quota");
    expect(made.metadata!.name).toBe("s");
  });
});

describe("PodSecurity (api-policy 4.6)", () => {
  const namespace = async (labels: string) => {
    const kind = findKindByName("v1", "Namespace")! as Kind<KubernetesObject>;
    return client.patch(
      kind,
      { name: "default" },
      { type: "merge", body: parse(`metadata: {labels: {${labels}}}`) },
    );
  };

  test("refuses what its namespace does not allow, and nothing where it says nothing", async () => {
    const bad =
      "spec: {hostNetwork: true, containers: [{name: c, image: i, securityContext: {privileged: true}}]}";
    expect(await refusal(create("v1/Pod a", bad))).toBe("accepted");
    await namespace("pod-security.kubernetes.io/enforce: restricted");
    expect(await refusal(create("v1/Pod b", bad))).toBe(
      '403 violates PodSecurity "restricted:latest": host namespaces (hostNetwork=true), privileged (container "c" must not set ' +
        'securityContext.privileged=true), allowPrivilegeEscalation != false (container "c" must set ' +
        'securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set ' +
        'securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set ' +
        'securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set ' +
        'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
  });

  test.each([
    [
      "enforce: foo",
      '422 Namespace "default" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "foo": must be one of privileged, baseline, restricted',
    ],
    [
      "warn-version: v2",
      '422 Namespace "default" is invalid: metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "v2": must be "latest" or "v1.x"',
    ],
    ["enforce-version: v1.99", "accepted"],
  ])("a namespace with %s: %s", async (label, answer) => {
    expect(await refusal(namespace(`pod-security.kubernetes.io/${label}`))).toBe(answer);
  });
});
