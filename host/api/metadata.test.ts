import { describe, expect, test } from "vitest";
import type { FieldError } from "../apimachinery/field-error.ts";
import type { KubernetesObject, ObjectMeta } from "../apimachinery/object.ts";
import type { Kind } from "./kind.ts";
import { validateMetadata, validateMetadataUpdate } from "./metadata.ts";
import { ConfigMap, Namespace, Node, Role, Service } from "./registry.ts";

const inWords = (errors: readonly FieldError[]) => errors.map(({ field, message }) => `${field}: ${message}`);

const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const QUALIFIED =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const owner = (kind: string, name: string, more = {}) => ({
  apiVersion: "v1",
  kind,
  name,
  uid: "u",
  ...more,
});

// The texts are those captured in api-wire 16 and api-policy 6.3.
describe("metadata of a new object", () => {
  test.each<{ name: string; kind: Kind; metadata: ObjectMeta; wants: string[] }>([
    { name: "a name", kind: ConfigMap, metadata: { name: "a.b-1" }, wants: [] },
    {
      name: "no name",
      kind: ConfigMap,
      metadata: {},
      wants: ["metadata.name: Required value: name or generateName is required"],
    },
    {
      name: "capitals",
      kind: ConfigMap,
      metadata: { name: "A" },
      wants: [`metadata.name: Invalid value: "A": ${SUBDOMAIN}`],
    },
    {
      name: "a bad base is told twice",
      kind: ConfigMap,
      metadata: { generateName: "A_", name: "A_x" },
      wants: [
        `metadata.generateName: Invalid value: "A_": ${SUBDOMAIN}`,
        `metadata.name: Invalid value: "A_x": ${SUBDOMAIN}`,
      ],
    },
    {
      name: "a dash at the end of a base",
      kind: ConfigMap,
      metadata: { generateName: "a-", name: "a-x" },
      wants: [],
    },
    {
      name: "a namespace has no dots",
      kind: Namespace,
      metadata: { name: "a.b" },
      wants: ['metadata.name: Invalid value: "a.b": must not contain dots'],
    },
    { name: "a service may begin with a digit", kind: Service, metadata: { name: "1abc" }, wants: [] },
    { name: "a role may have capitals and colons", kind: Role, metadata: { name: "system:A" }, wants: [] },
    {
      name: "but is one path segment",
      kind: Role,
      metadata: { name: "a/b" },
      wants: ["metadata.name: Invalid value: \"a/b\": may not contain '/'"],
    },
    {
      name: "a label key",
      kind: ConfigMap,
      metadata: { name: "a", labels: { "a b": "c" } },
      wants: [`metadata.labels: Invalid value: "a b": ${QUALIFIED}`],
    },
    {
      name: "a label value",
      kind: ConfigMap,
      metadata: { name: "a", labels: { a: "v v" } },
      wants: [`metadata.labels: Invalid value: "v v": ${VALUE}`],
    },
    {
      name: "too much in annotations",
      kind: ConfigMap,
      metadata: { name: "a", annotations: { a: "x".repeat(262144) } },
      wants: ["metadata.annotations: Too long: may not be more than 262144 bytes"],
    },
    {
      name: "an unqualified finalizer",
      kind: ConfigMap,
      metadata: { name: "a", finalizers: ["foo"] },
      wants: [
        'metadata.finalizers[0]: Invalid value: "foo": name is neither a standard finalizer name nor is it fully qualified',
      ],
    },
    {
      name: "an owner without a name",
      kind: ConfigMap,
      metadata: { name: "a", ownerReferences: [owner("Pod", "")] },
      wants: ['metadata.ownerReferences.name: Invalid value: "": must not be empty'],
    },
  ])("$name", ({ kind, metadata, wants }) => {
    const place: ObjectMeta = kind.namespaced ? { namespace: "default" } : {};
    const object: KubernetesObject = { metadata: { ...place, ...metadata } };
    expect(inWords(validateMetadata(kind, object))).toEqual(wants);
  });

  test("a namespaced object is in a namespace, another is not", () => {
    const object: KubernetesObject = { metadata: { name: "a" } };
    expect(inWords(validateMetadata(ConfigMap, object))).toEqual(["metadata.namespace: Required value"]);
    const node: KubernetesObject = { metadata: { name: "a", namespace: "b" } };
    expect(inWords(validateMetadata(Node, node))).toEqual([
      "metadata.namespace: Forbidden: not allowed on this type",
    ]);
  });

  test("two controllers", () => {
    const ownerReferences = [
      owner("Pod", "a", { controller: true }),
      owner("Pod", "b", { controller: true }),
    ];
    const object = { metadata: { name: "a", namespace: "default", ownerReferences } };
    expect(validateMetadata(ConfigMap, object)[0]?.message).toMatch(
      /: Only one reference can have Controller set to true\. Found "true" in references for Pod\/a and Pod\/b$/,
    );
  });
});

describe("metadata of a changed object", () => {
  test.each([
    { name: "nothing changed", old: {}, next: {}, wants: [] },
    {
      name: "another uid",
      old: { uid: "a" },
      next: { uid: "zz" },
      wants: ['metadata.uid: Invalid value: "zz": field is immutable'],
    },
    {
      name: "a finalizer for an object that is being deleted",
      old: { deletionTimestamp: "t", finalizers: ["x.io/a"] },
      next: { deletionTimestamp: "t", finalizers: ["x.io/a", "x.io/z"] },
      wants: [
        'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x.io/z"}',
      ],
    },
    {
      name: "a generation going back",
      old: { generation: 2 },
      next: { generation: 1 },
      wants: ["metadata.generation: Invalid value: 1: must not be decremented"],
    },
  ])("$name", ({ old, next, wants }) => {
    expect(inWords(validateMetadataUpdate(ConfigMap, { metadata: next }, { metadata: old }))).toEqual(wants);
  });
});
