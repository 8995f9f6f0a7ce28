import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigMap } from "../api/registry.ts";
import { ensurePki } from "../security/pki.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import type { ApiServer } from "./server.ts";
import { type Asked, askHttp1, askHttp2, startServer } from "./server-fixture.ts";

const pki = await ensurePki({ nowMs: Date.now() });

let server: ApiServer;

beforeAll(async () => {
  const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
  server = await startServer(createMemoryStore(), tls);
  const client = server.client("test");
  await client.create(ConfigMap, { metadata: { name: "here", namespace: "default" }, data: { a: "b" } });
});
afterAll(() => server.stop());

const maps = "/api/v1/namespaces/default/configmaps";
const json = { "content-type": "application/json" };
const configMap = (fields: object) => JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", ...fields });

// An ask is written as a request; says is the Status's code, reason and message.
const REFUSALS: { name: string; asked: Asked; says: string }[] = [
  {
    name: "broken JSON",
    asked: { method: "POST", path: maps, body: "{bad" },
    says: "400 BadRequest the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: invalid character 'b' looking for beginning of object key string ({bad)",
  },
  {
    name: "an empty body",
    asked: { method: "POST", path: maps, headers: json },
    says: "400 BadRequest the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)",
  },
  {
    name: "another kind",
    asked: { method: "POST", path: maps, body: '{"apiVersion":"v1","kind":"Secret"}' },
    says: '400 BadRequest Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
  },
  {
    name: "another version",
    asked: { method: "POST", path: maps, body: '{"apiVersion":"v2","kind":"ConfigMap"}' },
    says: '400 BadRequest ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" in scheme "pkg/api/legacyscheme/scheme.go:30"',
  },
  {
    name: "a wrong type",
    asked: { method: "POST", path: maps, body: configMap({ data: 7 }) },
    says: '400 BadRequest ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type map[string]string',
  },
  {
    name: "an unknown field, strictly",
    asked: {
      method: "POST",
      path: `${maps}?fieldValidation=Strict`,
      body: configMap({ metadata: { name: "x" }, foo: 1 }),
    },
    says: '400 BadRequest ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "foo"',
  },
  {
    name: "a field given twice, strictly",
    asked: {
      method: "POST",
      path: `${maps}?fieldValidation=Strict`,
      body: '{"metadata":{"name":"x"},"data":{"a":"1","a":"2"}}',
    },
    says: '400 BadRequest ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a"',
  },
  {
    name: "another namespace",
    asked: { method: "POST", path: maps, body: configMap({ metadata: { name: "x", namespace: "y" } }) },
    says: "400 BadRequest the namespace of the provided object does not match the namespace sent on the request",
  },
  {
    name: "a name against the rules",
    asked: { method: "POST", path: maps, body: configMap({ metadata: { name: "X_" } }) },
    says: `422 Invalid ConfigMap "X_" is invalid: metadata.name: Invalid value: "X_": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  },
  {
    name: "a taken name",
    asked: { method: "POST", path: maps, body: configMap({ metadata: { name: "here" } }) },
    says: '409 AlreadyExists configmaps "here" already exists',
  },
  {
    name: "another name than the URL's",
    asked: { method: "PUT", path: `${maps}/here`, body: configMap({ metadata: { name: "x" } }) },
    says: "400 BadRequest the name of the object (x) does not match the name on the URL (here)",
  },
  {
    name: "an old revision",
    asked: {
      method: "PUT",
      path: `${maps}/here`,
      body: configMap({ metadata: { name: "here", resourceVersion: "1" } }),
    },
    says: '409 Conflict Operation cannot be fulfilled on configmaps "here": the object has been modified; please apply your changes to the latest version and try again',
  },
  {
    name: "an absent object",
    asked: { path: `${maps}/x` },
    says: '404 NotFound configmaps "x" not found',
  },
  {
    name: "a missing namespace",
    asked: {
      method: "POST",
      path: "/api/v1/namespaces/no/configmaps",
      body: configMap({ metadata: { name: "x" } }),
    },
    says: '404 NotFound namespaces "no" not found',
  },
  {
    name: "an unknown resource",
    asked: { path: "/api/v1/foos" },
    says: "404 NotFound the server could not find the requested resource",
  },
  {
    name: "POST on an object",
    asked: { method: "POST", path: `${maps}/here`, body: "{}" },
    says: "405 MethodNotAllowed the server does not allow this method on the requested resource",
  },
  {
    name: "PATCH on a collection",
    asked: { method: "PATCH", path: maps, body: "{}" },
    says: "405 MethodNotAllowed the server does not allow this method on the requested resource",
  },
  {
    name: "HTML",
    asked: { path: `${maps}/here`, headers: { accept: "text/html" } },
    says: "406 NotAcceptable 406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch",
  },
  {
    name: "an unknown view",
    asked: { path: `${maps}/here`, headers: { accept: "application/json;as=Foo;v=v1;g=meta.k8s.io" } },
    says: "406 NotAcceptable only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
  },
  {
    name: "a body in XML",
    asked: { method: "POST", path: maps, headers: { "content-type": "text/xml" }, body: "<a/>" },
    says: "415 UnsupportedMediaType the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
  },
  {
    name: "a patch without its type",
    asked: { method: "PATCH", path: `${maps}/here`, headers: json, body: "{}" },
    says: "415 UnsupportedMediaType 415: Unsupported Media Type",
  },
  {
    name: "a JSON patch that is no list",
    asked: {
      method: "PATCH",
      path: `${maps}/here`,
      headers: { "content-type": "application/json-patch+json" },
      body: "{}",
    },
    says: "400 BadRequest error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
  },
  {
    name: "a JSON patch whose test fails",
    asked: {
      method: "PATCH",
      path: `${maps}/here`,
      headers: { "content-type": "application/json-patch+json" },
      body: '[{"op":"test","path":"/data/a","value":"z"}]',
    },
    says: "422 Invalid the server rejected our request due to an error in our request",
  },
  {
    name: "a patch with an unknown field, strictly",
    asked: {
      method: "PATCH",
      path: "/api/v1/namespaces/default?fieldValidation=Strict",
      headers: { "content-type": "application/merge-patch+json" },
      body: '{"metadata":{"labels":{"a":"1","a":"2"}},"foo":1}',
    },
    says: expect.stringMatching(
      /^422 Invalid {2}"" is invalid: patch: Invalid value: ".*": strict decoding error: duplicate field "metadata\.labels\.a", unknown field "foo"$/,
    ),
  },
  {
    name: "a revision that is no number",
    asked: { path: `${maps}?resourceVersion=abc` },
    says: '400 BadRequest invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
  },
  {
    name: "a match without a revision",
    asked: { path: `${maps}?resourceVersionMatch=Exact` },
    says: '422 Invalid ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
  },
  {
    name: "a limit that is no number",
    asked: { path: `${maps}?limit=abc` },
    says: '400 BadRequest strconv.ParseInt: parsing "abc": invalid syntax',
  },
  {
    name: "a label selector that does not parse",
    asked: { path: `${maps}?labelSelector=a%20b` },
    says: "400 BadRequest unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
  },
  {
    name: "an unknown field selector",
    asked: { path: `${maps}?fieldSelector=spec.foo%3D1` },
    says: '400 BadRequest "spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
  },
  {
    name: "an unknown dryRun",
    asked: { method: "POST", path: `${maps}?dryRun=foo`, body: configMap({ metadata: { name: "x" } }) },
    says: '422 Invalid CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["foo"]: supported values: "All"',
  },
  {
    name: "an unknown fieldValidation",
    asked: {
      method: "POST",
      path: `${maps}?fieldValidation=Foo`,
      body: configMap({ metadata: { name: "x" } }),
    },
    says: '422 Invalid CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Foo": supported values: "", "Ignore", "Strict", "Warn"',
  },
  {
    name: "an unknown propagation",
    asked: { method: "DELETE", path: `${maps}/here`, body: '{"propagationPolicy":"X"}' },
    says: '422 Invalid DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "X": supported values: "Foreground", "Background", "Orphan", "nil"',
  },
  {
    name: "a timeout that is none",
    asked: { path: `${maps}?timeout=abc` },
    says: '400 BadRequest invalid timeout specified in the request URL - time: invalid duration "abc"',
  },
  {
    name: "a body of 4 MiB",
    asked: { method: "POST", path: maps, headers: json, body: Buffer.alloc(4 * 1024 * 1024, " ") },
    says: "413 RequestEntityTooLarge Request entity too large: limit is 3145728",
  },
];

describe.each([
  { protocol: "HTTP/2", over: askHttp2 },
  { protocol: "HTTP/1.1", over: askHttp1 },
])("refusals over $protocol", ({ over }) => {
  test.each(REFUSALS)("$name", async ({ asked, says }) => {
    const answer = await over(server, pki.caCert, asked, pki.admin);
    const { code, reason, message, kind, status } = answer.json();
    expect(`${code} ${reason} ${message}`).toEqual(says);
    expect([answer.code, kind, status]).toEqual([code, "Status", "Failure"]);
    expect(answer.headers["audit-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers["cache-control"]).toBe("no-cache, private");
  });
});
