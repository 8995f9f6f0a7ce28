import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { SystemClock } from "../../apimachinery/clock.ts";
import { ensurePki } from "../../security/pki.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { ApiServer } from "../server.ts";
import { type Answered, askHttp2, startServer } from "../server-fixture.ts";
import {
  type Behaviour,
  startWebhookServer,
  type WebhookServer,
} from "../webhook-client/webhook-server.test-support.ts";

const pki = await ensurePki({ nowMs: new SystemClock().nowMs() });
const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };

let server: ApiServer;
let hooks: WebhookServer;
beforeAll(async () => {
  server = await startServer(createMemoryStore(), tls);
  hooks = await startWebhookServer(tls);
  const url = hooks.on("/convert", (...args) => behaviour(...args));
  await ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition(url));
  await vi.waitFor(async () => expect((await ask("GET", widgets("v2"))).code).toBe(200));
});
afterAll(async () => {
  await server.stop();
  await hooks.stop();
});
beforeEach(async () => {
  behaviour = convert;
  await ask("DELETE", widgets("v1"));
  hooks.asked.length = 0;
});

function ask(method: string, path: string, body?: object, type = "application/json"): Promise<Answered> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return askHttp2(
    server,
    pki.caCert,
    { method, path, headers: { "content-type": type }, body: text },
    pki.admin,
  );
}

const widgets = (version: string) => `/apis/a.io/${version}/namespaces/default/widgets`;

/** v1 says `hostPort: "h:1"`, v2 `host: h, port: "1"`; v1 is stored. */
function definition(url: string) {
  const text = { type: "string" };
  const version = (name: string, properties: object) => ({
    name,
    served: true,
    storage: name === "v1",
    schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties } } } },
  });
  const clientConfig = { url, caBundle: Buffer.from(pki.caCert).toString("base64") };
  return {
    metadata: { name: "widgets.a.io" },
    spec: {
      group: "a.io",
      scope: "Namespaced",
      names: { plural: "widgets", kind: "Widget" },
      versions: [
        version("v1", { hostPort: text }),
        version("v2", { host: text, port: text, proto: { ...text, default: "tcp" } }),
      ],
      conversion: { strategy: "Webhook", webhook: { clientConfig, conversionReviewVersions: ["v1"] } },
    },
  };
}

interface Widget {
  apiVersion: string;
  metadata: Record<string, unknown>;
  spec: Record<string, string>;
}

const convert: Behaviour = (document, answer) => answer(reviewed(document, (one) => one));
let behaviour: Behaviour = convert;

/** The answer, in which each converted object is once more changed. */
function reviewed(document: Record<string, unknown>, change: (object: Widget) => unknown) {
  const { uid, desiredAPIVersion, objects } = document["request"] as {
    uid: string;
    desiredAPIVersion: string;
    objects: Widget[];
  };
  const convertedObjects = objects.map((object) =>
    change({ ...object, apiVersion: desiredAPIVersion, spec: converted(object.spec, desiredAPIVersion) }),
  );
  return {
    kind: "ConversionReview",
    apiVersion: "apiextensions.k8s.io/v1",
    response: { uid, result: { status: "Success" }, convertedObjects },
  };
}

function converted(spec: Record<string, string>, to: string): Record<string, string> {
  if (to === "a.io/v1") return { hostPort: `${spec["host"]}:${spec["port"]}` };
  const [host = "", port = ""] = spec["hostPort"]!.split(":");
  return { host, port };
}

const specOf = (answer: Answered) => (answer.json() as unknown as Widget).spec;

describe("a webhook converts", () => {
  test("what is written and read in the version that is not stored", async () => {
    const made = await ask("POST", widgets("v2"), {
      metadata: { name: "w" },
      spec: { host: "h", port: "1" },
    });
    expect([made.code, specOf(made)]).toEqual([201, { host: "h", port: "1", proto: "tcp" }]);
    expect(specOf(await ask("GET", `${widgets("v1")}/w`))).toEqual({ hostPort: "h:1" });
    const patch = { metadata: { labels: { l: "v" } }, spec: { port: "2" } };
    const patched = await ask("PATCH", `${widgets("v2")}/w`, patch, "application/merge-patch+json");
    expect(specOf(patched)).toEqual({ host: "h", port: "2", proto: "tcp" });
    const stored = (await ask("GET", `${widgets("v1")}/w`)).json() as unknown as Widget;
    expect(stored).toMatchObject({
      apiVersion: "a.io/v1",
      metadata: { labels: { l: "v" }, generation: 2 },
      spec: { hostPort: "h:2" },
    });
    const deleted = await ask("DELETE", `${widgets("v2")}/w`);
    expect(deleted.code).toBe(200);
  });

  test("nothing for the version that is stored", async () => {
    await ask("POST", widgets("v1"), { metadata: { name: "w" }, spec: { hostPort: "h:1" } });
    await ask("GET", `${widgets("v1")}/w`);
    await ask("GET", widgets("v1"));
    expect(hooks.asked).toEqual([]);
  });

  test("a list in one call, once", async () => {
    for (const name of ["a", "b", "c"])
      await ask("POST", widgets("v1"), { metadata: { name }, spec: { hostPort: `${name}:1` } });
    const listed = (await ask("GET", widgets("v2"))).json() as unknown as {
      apiVersion: string;
      items: Widget[];
    };
    expect(listed.apiVersion).toBe("a.io/v2");
    expect(listed.items.map(({ spec }) => spec["host"])).toEqual(["a", "b", "c"]);
    await ask("GET", widgets("v2"));
    expect(
      hooks.asked.map(({ document, path }) => [
        path,
        (document["request"] as { objects: object[] }).objects.length,
      ]),
    ).toEqual([["/convert?timeout=30s", 3]]);
  });

  test("what a watch tells, in order", async () => {
    const client = server.client("watcher");
    const v2 = {
      group: "a.io",
      version: "v2",
      kind: "Widget",
      plural: "widgets",
      namespaced: true,
      custom: {},
    };
    const seen: string[] = [];
    const sink = {
      onEvent: (type: string, object: object) =>
        seen.push(`${type} ${(object as Widget).spec["host"]}:${(object as Widget).spec["port"]}`),
      onEnd: (error?: Error) => seen.push(`END ${error?.message}`),
    };
    await ask("POST", widgets("v1"), { metadata: { name: "w" }, spec: { hostPort: "h:1" } });
    const stream = client.watch(v2 as never, { namespace: "default", resourceVersion: "0" }, sink as never);
    await expect.poll(() => seen).toEqual(["ADDED h:1"]);
    const merge = (hostPort: string) =>
      ask("PATCH", `${widgets("v1")}/w`, { spec: { hostPort } }, "application/merge-patch+json");
    await merge("h:2");
    await merge("h:3");
    await ask("DELETE", `${widgets("v1")}/w`);
    await expect.poll(() => seen).toEqual(["ADDED h:1", "MODIFIED h:2", "MODIFIED h:3", "DELETED h:3"]);
    stream.cancel();
  });
});

describe("a webhook that does not (api-policy 7.4)", () => {
  const GVK = "a.io/v1, Kind=Widget";

  test.each([
    [
      "fails",
      ((document, answer) =>
        answer({
          kind: "ConversionReview",
          apiVersion: "apiextensions.k8s.io/v1",
          response: {
            uid: (document["request"] as { uid: string }).uid,
            result: { status: "Failure", message: "cannot convert" },
          },
        })) satisfies Behaviour,
      `conversion webhook for ${GVK} failed: cannot convert`,
    ],
    [
      "answers 500",
      ((_, answer) => answer({}, 500)) satisfies Behaviour,
      `conversion webhook for ${GVK} failed: an error on the server ("unknown") has prevented the request from succeeding`,
    ],
    [
      "loses objects",
      ((document, answer) => {
        const all = reviewed(document, (one) => one);
        answer({ ...all, response: { ...all.response, convertedObjects: [] } });
      }) satisfies Behaviour,
      `conversion webhook for ${GVK} returned 0 objects, expected 1`,
    ],
    [
      "lies about the version",
      ((document, answer) =>
        answer(reviewed(document, (one) => ({ ...one, apiVersion: "a.io/v9" })))) satisfies Behaviour,
      `conversion webhook for ${GVK} returned invalid object: invalid groupVersion (expected a.io/v2, received a.io/v9)`,
    ],
    [
      "lies about the name",
      ((document, answer) =>
        answer(
          reviewed(document, (one) => ({ ...one, metadata: { ...one.metadata, name: "other" } })),
        )) satisfies Behaviour,
      `conversion webhook for ${GVK} returned invalid object: must have the same name: w != other`,
    ],
    [
      "gives another uid",
      ((document, answer) => {
        const all = reviewed(document, (one) => one);
        answer({ ...all, response: { ...all.response, uid: "x" } });
      }) satisfies Behaviour,
      `conversion webhook for ${GVK} failed: expected response.uid="UID", got "x"`,
    ],
  ])("%s", async (_, wrong, why) => {
    await ask("POST", widgets("v1"), { metadata: { name: "w" }, spec: { hostPort: "h:1" } });
    behaviour = wrong;
    for (const path of [`${widgets("v2")}/w`, widgets("v2")]) {
      const answer = await ask("GET", path);
      const { message, reason } = answer.json() as { message: string; reason?: string };
      expect([answer.code, reason, message.replace(/uid="[^"]{36}"/, 'uid="UID"')]).toEqual([
        500,
        undefined,
        why,
      ]);
    }
    const written = await ask("POST", widgets("v2"), {
      metadata: { name: "x" },
      spec: { host: "h", port: "1" },
    });
    expect(written.code).toBe(500);
    expect((await ask("GET", `${widgets("v1")}/x`)).code).toBe(404);
  });

  test("what it changes of the metadata beyond labels and annotations is not taken", async () => {
    await ask("POST", widgets("v1"), { metadata: { name: "w" }, spec: { hostPort: "h:1" } });
    behaviour = (document, answer) =>
      answer(
        reviewed(document, (one) => ({
          ...one,
          metadata: { ...one.metadata, finalizers: ["a.io/b"], labels: { l: "v" } },
        })),
      );
    const { metadata } = (await ask("GET", `${widgets("v2")}/w`)).json() as unknown as Widget;
    expect([metadata["labels"], metadata["finalizers"]]).toEqual([{ l: "v" }, undefined]);
  });
});
