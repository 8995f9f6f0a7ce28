import { describe, expect, test } from "vitest";
import { decodeObject, decodeValue } from "./decode.ts";
import { ApiError } from "./errors.ts";
import { type Random, seededRandom } from "./random.ts";
import { loadSchema } from "./schema.ts";

const schema = loadSchema();

/** Decodes a value of a type such as "core.v1.Pod", told as the Kind of its name. */
function decode(type: string, value: unknown) {
  return decodeObject(schema, type, value, { kind: type.split(".").at(-1)!, version: "v1" });
}

/** A pod around one container. */
function pod(container: object): object {
  return { metadata: { name: "p" }, spec: { containers: [{ name: "c", ...container }] } };
}

describe("wrong types are told in Go's words", () => {
  test.each([
    [
      "core.v1.ConfigMap",
      { data: { a: 5 } },
      "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
    ],
    [
      "core.v1.ConfigMap",
      { data: "x" },
      "json: cannot unmarshal string into Go struct field ConfigMap.data of type map[string]string",
    ],
    [
      "core.v1.Pod",
      { spec: { containers: "x" } },
      "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container",
    ],
    [
      "core.v1.Pod",
      { spec: { hostNetwork: "x" } },
      "json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool",
    ],
    [
      "core.v1.Pod",
      pod({ ports: [{ containerPort: 1.5 }] }),
      "json: cannot unmarshal number 1.5 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
    ],
    [
      "core.v1.Pod",
      pod({ ports: [{ containerPort: 3e9 }] }),
      "json: cannot unmarshal number 3000000000 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
    ],
    [
      "core.v1.Pod",
      pod({ ports: [{ containerPort: "80" }] }),
      "json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
    ],
    [
      "core.v1.Pod",
      { spec: { restartPolicy: 1 } },
      "json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy",
    ],
    [
      "core.v1.Service",
      { spec: { ipFamilies: "IPv4" } },
      "json: cannot unmarshal string into Go struct field ServiceSpec.spec.ipFamilies of type []v1.IPFamily",
    ],
    [
      "core.v1.Pod",
      { spec: [] },
      "json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec",
    ],
    [
      "core.v1.Pod",
      { metadata: { labels: { a: true } } },
      "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string",
    ],
    [
      "core.v1.Pod",
      pod({ resources: { limits: [] } }),
      "json: cannot unmarshal array into Go struct field ResourceRequirements.spec.containers.resources.limits of type v1.ResourceList",
    ],
    [
      "core.v1.Pod",
      pod({ livenessProbe: { httpGet: 1 } }),
      "json: cannot unmarshal number into Go struct field Probe.spec.containers.livenessProbe.httpGet of type v1.HTTPGetAction",
    ],
    [
      "core.v1.Pod",
      pod({ command: [1] }),
      "json: cannot unmarshal number into Go struct field Container.spec.containers.command of type string",
    ],
    [
      "core.v1.Pod",
      pod({ resources: { limits: { cpu: "x" } } }),
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    ["core.v1.Secret", { data: { a: "!!" } }, "illegal base64 data at input byte 0"],
    [
      "core.v1.Pod",
      { metadata: { creationTimestamp: "foo" } },
      'parsing time "foo" as "2006-01-02T15:04:05Z07:00": cannot parse "foo" as "2006"',
    ],
    [
      "core.v1.Pod",
      { metadata: { creationTimestamp: 5 } },
      "json: cannot unmarshal number into Go value of type string",
    ],
    [
      "core.v1.Service",
      { spec: { ports: [{ port: 1, targetPort: 1.5 }] } },
      "json: cannot unmarshal number 1.5 into Go value of type int32",
    ],
    [
      "core.v1.Pod",
      { kind: 5 },
      "json: cannot unmarshal number into Go struct field Pod.kind of type string",
    ],
    ["core.v1.Pod", [], "json: cannot unmarshal array into Go value of type v1.Pod"],
  ])("%s %j", (type, value, message) => {
    const kind = type.split(".").at(-1);
    expect(() => decode(type, value)).toThrow(
      `${kind} in version "v1" cannot be handled as a ${kind}: ${message}`,
    );
  });
});

describe("unknown fields", () => {
  test.each([
    [{ foo: 1 }, ["foo"]],
    [{ metadata: { foo: 1 }, bar: 1 }, ["metadata.foo", "bar"]],
    [{ bar: 1, metadata: { foo: 1 } }, ["bar", "metadata.foo"]],
    [
      { spec: { containers: [{ name: "a" }, { name: "b", foo: { deeper: 1 }, ports: [{ bar: 1 }] }] } },
      ["spec.containers[1].foo", "spec.containers[1].ports[0].bar"],
    ],
    [{ Spec: {} }, ["Spec"]],
    [{ spec: { volumes: [{ name: "v", volumeSource: {} }] } }, ["spec.volumes[0].volumeSource"]],
    [JSON.parse('{"__proto__":{"name":"x"}}'), ["__proto__"]],
  ])("%j", (value, paths) => {
    const { object, unknownFields } = decode("core.v1.Pod", value);
    expect(unknownFields).toEqual(paths);
    for (const path of paths) expect(JSON.stringify(object)).not.toContain(path.replace(/^.*\./, ""));
  });

  test("inside a map of structs the key is part of the path", () => {
    const { unknownFields } = decodeValue(schema, "apiextensions.v1.JSONSchemaProps", {
      properties: { a: { items: { nope: 1 } } },
    });
    expect(unknownFields).toEqual(["properties.a.items.nope"]);
  });

  test("a template has no kind of its own", () => {
    const { unknownFields } = decode("apps.v1.Deployment", { spec: { template: { kind: "Pod" } } });
    expect(unknownFields).toEqual(["spec.template.kind"]);
  });

  test("no more than a hundred are told", () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}`, 1]));
    expect(decode("core.v1.Pod", many).unknownFields).toHaveLength(100);
  });
});

describe("the canonical form", () => {
  test.each([
    [
      "null is absent, zero without a pointer too",
      "core.v1.Pod",
      { spec: { hostNetwork: false, nodeName: "", restartPolicy: null, containers: [] } },
      { metadata: {}, spec: { containers: [] }, status: {} },
    ],
    [
      "zero with a pointer stays",
      "core.v1.Pod",
      { spec: { priority: 0, enableServiceLinks: false, containers: [] } },
      { metadata: {}, spec: { containers: [], priority: 0, enableServiceLinks: false }, status: {} },
    ],
    [
      "what Kubernetes always writes is there",
      "apps.v1.Deployment",
      {},
      {
        metadata: {},
        spec: { template: { metadata: {}, spec: { containers: [] } }, strategy: {} },
        status: {},
      },
    ],
    [
      "empty maps and lists are absent",
      "core.v1.ConfigMap",
      { data: {}, metadata: { labels: {}, finalizers: [] } },
      { metadata: {} },
    ],
    [
      "an empty struct behind a pointer stays",
      "core.v1.Pod",
      { spec: { containers: [], securityContext: {}, volumes: [{ name: "v", emptyDir: {} }] } },
      {
        metadata: {},
        spec: { volumes: [{ name: "v", emptyDir: {} }], containers: [], securityContext: {} },
        status: {},
      },
    ],
    [
      "kind and apiVersion come first",
      "core.v1.ConfigMap",
      { metadata: { name: "a" }, apiVersion: "v1", kind: "ConfigMap" },
      { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "a" } },
    ],
    [
      "quantities and times have one form",
      "core.v1.Pod",
      {
        metadata: { creationTimestamp: "2024-05-01T12:00:00.5+02:00" },
        ...{
          spec: {
            containers: [
              {
                name: "c",
                resources: { limits: { cpu: 0.5, memory: "1024Mi" }, requests: { cpu: "0.0001" } },
              },
            ],
          },
        },
      },
      {
        metadata: { creationTimestamp: "2024-05-01T10:00:00Z" },
        spec: {
          containers: [
            { name: "c", resources: { limits: { cpu: "500m", memory: "1Gi" }, requests: { cpu: "1m" } } },
          ],
        },
        status: {},
      },
    ],
    [
      "null in a list of text is empty text",
      "core.v1.ConfigMap",
      { metadata: { finalizers: ["a", null] } },
      { metadata: { finalizers: ["a", ""] } },
    ],
    [
      "a targetPort of 0 was left out",
      "core.v1.Service",
      { spec: { ports: [{ port: 80, targetPort: 0 }] } },
      { metadata: {}, spec: { ports: [{ port: 80 }] }, status: { loadBalancer: {} } },
    ],
    [
      "a maxSurge of 0 was said",
      "apps.v1.DeploymentStrategy",
      { rollingUpdate: { maxSurge: 0, maxUnavailable: "0" } },
      { rollingUpdate: { maxUnavailable: "0", maxSurge: 0 } },
    ],
    [
      "no time is absent, not null",
      "core.v1.NodeCondition",
      { type: "Ready", status: "True" },
      { type: "Ready", status: "True" },
    ],
    [
      "free-form JSON is kept as it is",
      "apps.v1.ControllerRevision",
      { data: { any: [1, { x: null }] }, revision: 1 },
      { metadata: {}, data: { any: [1, { x: null }] }, revision: 1 },
    ],
    [
      "base64 is re-encoded",
      "core.v1.Secret",
      { data: { a: "aGVs\nbG8=", b: "" } },
      { metadata: {}, data: { a: "aGVsbG8=", b: "" } },
    ],
    [
      "schema or bool",
      "apiextensions.v1.JSONSchemaProps",
      { additionalProperties: false, items: { type: "string" } },
      { items: { type: "string" }, additionalProperties: false },
    ],
  ])("%s", (_, type, value, wants) => {
    const decoded = decodeValue(schema, type, value).value;
    expect(JSON.stringify(decoded)).toBe(JSON.stringify(wants));
    expect(decodeValue(schema, type, decoded).value).toEqual(decoded);
  });

  test("a label named __proto__ is data", () => {
    const { object } = decode("core.v1.Pod", JSON.parse('{"metadata":{"labels":{"__proto__":"x"}}}'));
    expect(JSON.stringify(object.metadata?.labels)).toBe('{"__proto__":"x"}');
    expect(Object.getPrototypeOf(object.metadata?.labels)).toBe(Object.prototype);
  });
});

describe("any JSON at all is an object or 400", () => {
  /** A value that has the right shape most of the time, and any other elsewhere. */
  function nearly(random: Random, typeName: string, depth: number): unknown {
    const type = schema.find(typeName);
    const wrong = [null, true, 0, -1.5, 1e21, "", "x", [], {}, [null], { "": null }];
    if (type === undefined || depth > 5 || random.below(8) === 0) return wrong[random.below(wrong.length)];
    const value: Record<string, unknown> = {};
    for (const field of type.fields) {
      if (random.below(3) !== 0) continue;
      const one = () => nearly(random, field.type, depth + 1);
      value[field.name] = field.map ? { k: one() } : field.list ? [one(), one()] : one();
    }
    return value;
  }

  test.each(schema.names().filter((name) => schema.type(name).object))("%s", (name) => {
    const random = seededRandom(name.length);
    for (let i = 0; i < 20; i++) {
      const value = nearly(random, name, 0);
      try {
        const { object } = decode(name, value);
        expect(decode(name, object).object).toEqual(object);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        expect(error.code).toBe(400);
      }
    }
  });
});
