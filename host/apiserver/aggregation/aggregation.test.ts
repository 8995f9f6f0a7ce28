import { get as httpsGet } from "node:https";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  APIService,
  ClusterRole,
  ClusterRoleBinding,
  CustomResourceDefinition,
  Namespace,
  Service,
} from "../../api/registry.ts";
import type { Client } from "../../client/client.ts";
import { ensurePki } from "../../security/pki.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { ApiServer } from "../server.ts";
import { type Asked, askHttp1, askHttp2, startServer } from "../server-fixture.ts";
import { type ExtensionServer, startExtensionServer } from "./extension-server.test-support.ts";

const pki = await ensurePki({ nowMs: Date.now() });
/** The extension server's own: it answers to the Service's name. */
const theirs = await ensurePki({ nowMs: Date.now(), hosts: ["api.ext.svc"] });
const caBundle = Buffer.from(theirs.caCert).toString("base64");

let server: ApiServer;
let client: Client;
let extension: ExtensionServer;

beforeAll(async () => {
  const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
  server = await startServer(createMemoryStore(), tls, {
    proxyIdentity: pki.frontProxy,
    tokens: new Map([
      [
        "jane",
        { name: "jane", uid: "u1", groups: ["devs", "system:authenticated"], extra: { "a/b": ["c"] } },
      ],
    ]),
  });
  client = server.client("test");
  extension = await startExtensionServer({ ...theirs.serving, clientCa: pki.frontProxy.caCert });
  await client.create(Namespace, { metadata: { name: "ext" } });
  // A cluster address leads nowhere here, and a slice may not name the loopback: an external name may.
  const spec = { type: "ExternalName", externalName: "localhost" };
  await client.create(Service, { metadata: { name: "api", namespace: "ext" }, spec });
  await client.create(APIService, apiService("v1.ext.io", { caBundle }));
});
afterAll(async () => {
  await server.stop();
  await extension.stop();
});

function apiService(name: string, more: object = {}, port = extension.port) {
  const [version = "", ...group] = name.split(".");
  return {
    metadata: { name },
    spec: {
      group: group.join("."),
      version,
      groupPriorityMinimum: 2_000,
      versionPriority: 10,
      service: { namespace: "ext", name: "api", port },
      ...more,
    },
  };
}

const ask = (asked: Asked) => askHttp2(server, pki.caCert, asked, pki.admin);
const THINGS = "/apis/ext.io/v1/namespaces/default/things";

/** The condition, once it says something. */
async function available(name: string): Promise<string> {
  for (;;) {
    const { status } = await client.get(APIService, { name });
    const found = status?.conditions?.find(({ type }) => type === "Available");
    if (found !== undefined) return `${found.status} ${found.reason}: ${found.message}`;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("what is served here", () => {
  test("has an APIService for each group and version, which comes back when it is deleted", async () => {
    const { items } = await client.list(APIService);
    const local = items.filter(({ spec }) => spec?.service === undefined);
    expect(local.map(({ metadata }) => metadata?.name)).toEqual(
      expect.arrayContaining([
        "v1.",
        "v1.apps",
        "v1.autoscaling",
        "v2.autoscaling",
        "v1.rbac.authorization.k8s.io",
      ]),
    );
    expect(local[0]?.metadata?.labels).toEqual({ "kube-aggregator.kubernetes.io/automanaged": "onstart" });
    expect(await available("v1.apps")).toBe("True Local: Local APIServices are always available");
    await client.delete(APIService, { name: "v1.apps" });
    await expect.poll(() => available("v1.apps").catch(() => "gone")).toContain("True Local");
  });

  test("a CustomResourceDefinition brings one, and takes it away", async () => {
    const names = { plural: "gears", singular: "gear", kind: "Gear", listKind: "GearList" };
    const schema = { openAPIV3Schema: { type: "object" } };
    const versions = [{ name: "v1", served: true, storage: true, schema }];
    const spec = { group: "own.io", scope: "Namespaced", names, versions };
    await client.create(CustomResourceDefinition, { metadata: { name: "gears.own.io" }, spec } as never);
    await expect.poll(() => available("v1.own.io").catch(() => "none")).toContain("True Local");
    await client.delete(CustomResourceDefinition, { name: "gears.own.io" });
    await expect
      .poll(() =>
        client.get(APIService, { name: "v1.own.io" }).then(
          () => "there",
          () => "gone",
        ),
      )
      .toBe("gone");
  });
});

describe("what another server serves", () => {
  test("is asked there, by a certificate and with who asks", async () => {
    await expect.poll(() => available("v1.ext.io")).toBe("True Passed: all checks passed");
    const binding = {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "things" },
    };
    const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "jane" }];
    const rules = [{ apiGroups: ["ext.io"], resources: ["things"], verbs: ["list"] }];
    await client.create(ClusterRole, { metadata: { name: "things" }, rules });
    await client.create(ClusterRoleBinding, { metadata: { name: "things" }, ...binding, subjects });
    const headers = { authorization: "Bearer jane", "x-remote-user": "admin", "x-mine": "kept" };
    const answer = await askHttp2(server, pki.caCert, { path: `${THINGS}?limit=1`, headers });
    expect([answer.code, answer.headers["x-from"], answer.json()["kind"]]).toEqual([
      200,
      "extension",
      "ThingList",
    ]);
    const { client: cn, path, headers: sent } = extension.asked.at(-1)!;
    expect({ cn, path }).toEqual({ cn: "front-proxy-client", path: `${THINGS}?limit=1` });
    expect(sent).toMatchObject({
      host: "api.ext.svc",
      "x-remote-user": "jane",
      "x-remote-uid": "u1",
      "x-remote-group": "devs, system:authenticated",
      "x-remote-extra-a%2fb": "c",
      "x-mine": "kept",
    });
    expect(sent["authorization"]).toBeUndefined();
  });

  test("is refused here to who may not", async () => {
    const before = extension.asked.length;
    const headers = { authorization: "Bearer jane" };
    const answer = await askHttp2(server, pki.caCert, { method: "DELETE", path: `${THINGS}/a`, headers });
    expect(answer.code).toBe(403);
    expect(extension.asked.length).toBe(before);
  });

  test("answers in its own words, to either version of HTTP, with the body it was sent", async () => {
    for (const over of [askHttp1, askHttp2]) {
      const asked = {
        method: "PUT",
        path: `${THINGS}/pot`,
        body: '{"a":1}',
        headers: { "content-type": "application/json" },
      };
      const answer = await over(server, pki.caCert, asked, pki.admin);
      expect([answer.code, answer.json()["message"]]).toEqual([418, "a teapot"]);
      expect(extension.asked.at(-1)).toMatchObject({ method: "PUT", body: '{"a":1}' });
    }
  });

  test("a watch comes as it is written, and is let go with its client", async () => {
    const lines = await new Promise<string>((resolve, reject) => {
      const request = httpsGet(
        `${server.url}${THINGS}?watch=true`,
        { ca: pki.caCert, ...pki.admin, agent: false },
        (response) => {
          response.once("data", (chunk: Buffer) => {
            resolve(chunk.toString());
            request.destroy();
          });
        },
      );
      request.on("error", reject);
    });
    expect(lines).toBe('{"type":"ADDED","object":{}}\n');
  });

  test("stands in discovery, plain and aggregated, before groups of less priority", async () => {
    const group = (await ask({ path: "/apis/ext.io" })).json();
    expect(group).toMatchObject({
      name: "ext.io",
      preferredVersion: { groupVersion: "ext.io/v1", version: "v1" },
    });
    expect((await ask({ path: "/apis/ext.io/v1" })).json()["kind"]).toBe("APIResourceList");
    const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    const { items } = (await ask({ path: "/apis", headers: { accept } })).json() as {
      items: { metadata: { name: string }; versions: object[] }[];
    };
    expect(items.find(({ metadata }) => metadata.name === "ext.io")?.versions).toEqual([
      {
        version: "v1",
        freshness: "Current",
        resources: [
          {
            resource: "things",
            responseKind: { group: "ext.io", version: "v1", kind: "Thing" },
            scope: "Namespaced",
            singularResource: "thing",
            verbs: ["get", "list"],
            shortNames: ["th"],
            subresources: [
              {
                subresource: "scale",
                responseKind: { group: "autoscaling", version: "v1", kind: "Scale" },
                verbs: ["get"],
              },
            ],
          },
        ],
      },
    ]);
  });

  test("nobody takes the place of what is built in", async () => {
    const { metadata, spec } = await client.get(APIService, { name: "v1.batch" });
    await client.update(APIService, {
      metadata,
      spec: { ...apiService("v1.batch").spec, ...spec, service: { namespace: "ext", name: "api" } },
    } as never);
    expect((await ask({ path: "/apis/batch/v1/jobs" })).json()["kind"]).toBe("JobList");
  });
});

describe("a server that is not there (api-policy 7.5)", () => {
  const insecure = { insecureSkipTLSVerify: true };
  const service = (name: string, more: object = {}) => ({ service: { namespace: "ext", name, ...more } });

  beforeAll(async () => {
    for (const name of ["portless", "empty", "nameless"])
      await client.create(Service, {
        metadata: { name, namespace: "ext" },
        spec: { ports: [{ name: "https", port: 443 }] },
      });
  });

  test.each([
    ["v1.a.io", service("nosvc"), 'False ServiceNotFound: service/nosvc in "ext" is not present'],
    [
      "v1.b.io",
      service("portless", { port: 8443 }),
      'False ServicePortError: service/portless in "ext" is not listening on port 8443',
    ],
    [
      "v1.c.io",
      service("empty"),
      'False EndpointsNotFound: cannot find endpointslices for service/empty in "ext"',
    ],
    [
      "v1.d.io",
      service("api", { port: 1 }),
      /^False FailedDiscoveryCheck: failing or missing response from https:\/\/api\.ext\.svc:1\/apis\/d\.io\/v1: dial tcp .*connection refused$/,
    ],
    [
      "v1.e.io",
      {},
      /^False FailedDiscoveryCheck: .*tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
    ],
    ["v2.ext.io", insecure, /^False FailedDiscoveryCheck: .*bad status from \/apis\/ext\.io\/v2: 418$/],
  ])("%s says why", async (name, more, says) => {
    await client.create(APIService, apiService(name, more));
    const said = await available(name);
    if (typeof says === "string") expect(said).toBe(says);
    else expect(said).toMatch(says);
    const [version = "", ...group] = name.split(".");
    const answer = await ask({ path: `/apis/${group.join(".")}/${version}/things` });
    expect([answer.code, answer.text]).toEqual([503, "service unavailable\n"]);
    expect((await ask({ path: `/apis/${group.join(".")}` })).code).toBe(200);
  });

  test.each([
    [
      "v1.z.io",
      { version: "v2" },
      'metadata.name: Invalid value: "v1.z.io": must be `spec.version+"."+spec.group`: "v2.z.io"',
    ],
    [
      "v1.z.io",
      { groupPriorityMinimum: 30_000 },
      "spec.groupPriorityMinimum: Invalid value: 30000: must be positive and less than 20000",
    ],
    [
      "v1.z.io",
      { insecureSkipTLSVerify: true, caBundle },
      "spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present",
    ],
  ])("%s with %j is refused", async (name, more, message) => {
    const refused = await client
      .create(APIService, apiService(name, more))
      .catch((error: Error) => error.message);
    expect(refused).toBe(`APIService.apiregistration.k8s.io "${name}" is invalid: ${message}`);
  });

  test("one that breaks is not asked any more, and its group stays in discovery", async () => {
    extension.break();
    // A change makes the server look again at once.
    const { metadata, spec } = await client.get(APIService, { name: "v1.ext.io" });
    await client.update(APIService, { metadata, spec: { ...spec!, versionPriority: 11 } });
    await expect.poll(() => available("v1.ext.io")).toMatch(/^False FailedDiscoveryCheck: .*: 500$/);
    expect((await ask({ path: THINGS })).text).toBe("service unavailable\n");
    expect((await ask({ path: "/apis/ext.io" })).code).toBe(200);
  });
});
