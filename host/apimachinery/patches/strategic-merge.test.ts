import { describe, expect, test } from "vitest";
import { loadSchema } from "../schema.ts";
import { readYaml } from "../yaml-text.ts";
import { applyStrategicMerge } from "./strategic-merge.ts";

const schema = loadSchema();

/** Objects are written in YAML. */
const yaml = (text: string) => readYaml(text).value;

function merge(type: string, doc: string, patch: string): unknown {
  const before = yaml(doc);
  const change = yaml(patch);
  const merged = applyStrategicMerge(schema, type, before, change);
  expect([before, change]).toEqual([yaml(doc), yaml(patch)]); // neither argument is changed
  return merged;
}

const PODS = "core.v1.PodSpec";

describe("merging", () => {
  test.each([
    [
      "maps are merged, null removes",
      "core.v1.ConfigMap",
      "data: {a: x, b: z}",
      "data: {a: null, c: w}",
      "data: {b: z, c: w}",
    ],
    [
      "containers by name",
      PODS,
      "containers: [{name: a, image: a1, tty: true}, {name: b}]",
      "containers: [{name: a, image: a2}]",
      "containers: [{name: a, image: a2, tty: true}, {name: b}]",
    ],
    [
      "a new container goes to the front, as in Kubernetes",
      PODS,
      "containers: [{name: a}]",
      "containers: [{name: b}]",
      "containers: [{name: b}, {name: a}]",
    ],
    [
      "env inside a container",
      PODS,
      "containers: [{name: a, env: [{name: X, value: u}, {name: V, value: v}]}]",
      "containers: [{name: a, env: [{name: V, value: w}]}]",
      "containers: [{name: a, env: [{name: X, value: u}, {name: V, value: w}]}]",
    ],
    [
      "ports by containerPort",
      "core.v1.Container",
      "ports: [{containerPort: 80, name: a}]",
      "ports: [{containerPort: 80, protocol: UDP}, {containerPort: 81}]",
      "ports: [{containerPort: 80, name: a, protocol: UDP}, {containerPort: 81}]",
    ],
    [
      "service ports by port",
      "core.v1.ServiceSpec",
      "ports: [{port: 80}, {port: 81}]",
      "ports: [{port: 81, name: b}]",
      "ports: [{port: 80}, {port: 81, name: b}]",
    ],
    [
      "volumes by name, the other source goes with retainKeys",
      PODS,
      "volumes: [{name: v, emptyDir: {}}]",
      "volumes: [{name: v, $retainKeys: [name, secret], secret: {secretName: s}}]",
      "volumes: [{name: v, secret: {secretName: s}}]",
    ],
    [
      "strategy with retainKeys",
      "apps.v1.DeploymentSpec",
      "strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}",
      "strategy: {$retainKeys: [type], type: Recreate}",
      "strategy: {type: Recreate}",
    ],
    [
      "tolerations are replaced whole",
      PODS,
      "tolerations: [{key: a}, {key: b}]",
      "tolerations: [{key: c}]",
      "tolerations: [{key: c}]",
    ],
    ["command is replaced whole", "core.v1.Container", "command: [a, b]", "command: [c]", "command: [c]"],
    [
      "finalizers are a set",
      "meta.ObjectMeta",
      "finalizers: [a/1, b/1]",
      "finalizers: [b/1, c/1]",
      "finalizers: [a/1, b/1, c/1]",
    ],
    [
      "and lose what is named",
      "meta.ObjectMeta",
      "finalizers: [a/1, b/1]",
      "$deleteFromPrimitiveList/finalizers: [a/1, z/1]",
      "finalizers: [b/1]",
    ],
    [
      "owners by uid",
      "meta.ObjectMeta",
      "ownerReferences: [{uid: u, name: a}]",
      "ownerReferences: [{uid: u, controller: true}]",
      "ownerReferences: [{uid: u, name: a, controller: true}]",
    ],
    [
      "conditions by type",
      "core.v1.NodeStatus",
      "conditions: [{type: Ready, status: 'True'}]",
      "conditions: [{type: Ready, status: 'False'}, {type: Disk, status: 'False'}]",
      "conditions: [{type: Ready, status: 'False'}, {type: Disk, status: 'False'}]",
    ],
    [
      "a PDB's selector is replaced",
      "policy.v1.PodDisruptionBudgetSpec",
      "selector: {matchLabels: {a: x}}",
      "selector: {matchLabels: {b: x}}",
      "selector: {matchLabels: {b: x}}",
    ],
    [
      "a field that was not there",
      PODS,
      "containers: []",
      "nodeSelector: {a: x, b: null}",
      "{containers: [], nodeSelector: {a: x}}",
    ],
    ["another type than before", "core.v1.ConfigMap", "data: x", "data: {a: x}", "data: {a: x}"],
    [
      "a list over nothing drops directives",
      PODS,
      "{}",
      "containers: [{name: a, $patch: delete}, {name: b}]",
      "containers: [{name: b}]",
    ],
    ["an unknown field merges like a map", PODS, "foo: {a: 1}", "foo: {b: 2}", "foo: {a: 1, b: 2}"],
  ])("%s", (_, type, doc, patch, wants) => {
    expect(merge(type, doc, patch)).toEqual(yaml(wants));
  });
});

describe("$patch", () => {
  test.each([
    [
      "delete an element",
      PODS,
      "containers: [{name: a}, {name: b}]",
      "containers: [{name: a, $patch: delete}]",
      "containers: [{name: b}]",
    ],
    [
      "delete an element that is not there",
      PODS,
      "containers: [{name: a}]",
      "containers: [{name: z, $patch: delete}]",
      "containers: [{name: a}]",
    ],
    [
      "replace the list",
      PODS,
      "containers: [{name: a}, {name: b}]",
      "containers: [{$patch: replace}, {name: c}]",
      "containers: [{name: c}]",
    ],
    [
      "replace a map",
      PODS,
      "securityContext: {runAsUser: 1}",
      "securityContext: {$patch: replace, runAsGroup: 2}",
      "securityContext: {runAsGroup: 2}",
    ],
    [
      "replace an element",
      PODS,
      "containers: [{name: a, image: x}]",
      "containers: [{name: a, tty: true, $patch: merge}]",
      "containers: [{name: a, image: x, tty: true}]",
    ],
    [
      "delete a map's members",
      PODS,
      "{nodeSelector: {a: x}, hostname: h}",
      "nodeSelector: {$patch: delete}",
      "{nodeSelector: {}, hostname: h}",
    ],
    [
      "delete and add in one",
      "core.v1.ServiceSpec",
      "ports: [{port: 80}]",
      "ports: [{port: 80, $patch: delete}, {port: 81}]",
      "ports: [{port: 81}]",
    ],
  ])("%s", (_, type, doc, patch, wants) => {
    expect(merge(type, doc, patch)).toEqual(yaml(wants));
  });
});

describe("$setElementOrder", () => {
  /** Containers are written by their names. */
  const spec = (names: string) => ({ containers: names.split("").map((name) => ({ name })) });

  test.each([
    { server: "abc", order: "cab", changes: "", wants: "cab" },
    { server: "abc", order: "abcd", changes: "d", wants: "abcd" },
    { server: "abc", order: "dabc", changes: "d", wants: "dabc" },
    { server: "axbc", order: "cab", changes: "", wants: "xcab" },
    { server: "xab", order: "ba", changes: "", wants: "xba" },
    { server: "abx", order: "ab", changes: "", wants: "abx" },
    { server: "ab", order: "b", changes: "", wants: "ab" },
  ])("$server in the order $order with $changes is $wants", ({ server, order, changes, wants }) => {
    const patch = {
      "$setElementOrder/containers": spec(order).containers,
      ...(changes === "" ? {} : spec(changes)),
    };
    expect(applyStrategicMerge(schema, PODS, spec(server), patch)).toEqual(spec(wants));
  });

  test("with a deletion, as kubectl apply sends it", () => {
    const patch = {
      "$setElementOrder/containers": [{ name: "a" }],
      containers: [{ $patch: "delete", name: "b" }],
    };
    expect(applyStrategicMerge(schema, PODS, spec("ab"), patch)).toEqual(spec("a"));
  });

  test("of plain values", () => {
    const patch = { "$setElementOrder/finalizers": ["c", "a"], finalizers: ["c"] };
    expect(applyStrategicMerge(schema, "meta.ObjectMeta", { finalizers: ["a", "b"] }, patch)).toEqual({
      finalizers: ["c", "a", "b"],
    });
  });

  test("of a list that is nowhere leaves nothing", () => {
    expect(applyStrategicMerge(schema, PODS, {}, { "$setElementOrder/containers": [{ name: "a" }] })).toEqual(
      {},
    );
  });
});

describe("patches that make no sense are 500 in Kubernetes' words", () => {
  test.each([
    ["containers: [{name: zz, $patch: foo}]", "unknown patch type: foo in map: map[$patch:foo name:zz]"],
    ["$patch: foo", "unknown patch type: foo in map: map[$patch:foo]"],
    ["containers: [{image: x}]", "map: map[image:x] does not contain declared merge key: name"],
    ["containers: [{$patch: delete}]", "map: map[$patch:delete] does not contain declared merge key: name"],
    ["containers: [5]", "list element types are not identical: [[map[name:a]] [5]]"],
    ["{$retainKeys: [a], b: 1}", "invalid patch format of retainKeys"],
    ["{$deleteFromPrimitiveList: [a]}", "invalid patch format of primitive list"],
    [
      "{$setElementOrder/containers: [{name: b}], containers: [{name: a}]}",
      "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
    ],
  ])("%s", (patch, message) => {
    const attempt = () => merge(PODS, "containers: [{name: a}]", patch);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ code: 500, reason: "" }));
  });

  test("a patch that is no object is 400", () => {
    expect(() => applyStrategicMerge(schema, PODS, {}, [])).toThrow(
      "json: cannot unmarshal array into Go value of type map[string]interface {}",
    );
  });
});
