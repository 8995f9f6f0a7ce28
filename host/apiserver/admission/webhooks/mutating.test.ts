import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ensurePki } from "../../../security/pki.ts";
import { patched, reviewed } from "../../webhook-client/webhook-server.test-support.ts";
import { MAPS, WebhookBench } from "./webhooks.test-support.ts";

const pki = await ensurePki({ nowMs: Date.now() });
let bench: WebhookBench;

beforeAll(async () => {
  bench = await WebhookBench.start(pki);
});
afterAll(() => bench.stop());
afterEach(() => bench.clear());

describe("mutating", () => {
  const label = (key: string, value = "x") => [
    { op: "add", path: "/metadata/labels", value: { [key]: value } },
  ];

  /** A webhook that appends its letter to data.a. */
  function appends(letter: string): string {
    return bench.hooks.on(`/append-${letter}`, (document, answer) => {
      const { object } = document["request"] as { object: { data: { a: string } } };
      answer(
        reviewed(document, patched([{ op: "replace", path: "/data/a", value: object.data.a + letter }])),
      );
    });
  }

  test("one after another by name, each upon the other's work", async () => {
    await bench.configure("mutating", "b-second", `url: "${appends("b")}"`);
    await bench.configure("mutating", "a-first", `url: "${appends("a")}"`);
    expect(await bench.create()).toBe("201");
    const made = await bench.ask("GET", `${MAPS}/m`);
    expect(made.json()["data"]).toEqual({ a: "1ab" });
  });

  test.each([
    ["Never", "1ab"],
    ["IfNeeded", "1aba"],
  ])("who comes again, reinvocationPolicy %s", async (policy, wants) => {
    await bench.configure("mutating", "a-first", `{url: "${appends("a")}", reinvocationPolicy: ${policy}}`);
    await bench.configure("mutating", "b-second", `{url: "${appends("b")}"}`);
    expect(await bench.create()).toBe("201");
    expect((await bench.ask("GET", `${MAPS}/m`)).json()["data"]).toEqual({ a: wants });
  });

  test("what comes of it is decoded, defaulted and validated again; the fields have no owner", async () => {
    const url = bench.hooks.on("/pod", (document, answer) => {
      const sidecar = { name: "s", image: "i:1", unknown: 1 };
      answer(reviewed(document, patched([{ op: "add", path: "/spec/containers/-", value: sidecar }])));
    });
    await bench.ask("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
    await bench.configure(
      "mutating",
      "sidecar",
      `{url: "${url}", rules: [{operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: [pods]}]}`,
    );
    const pod = { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } };
    const answer = await bench.ask("POST", "/api/v1/namespaces/default/pods", pod);
    bench.cleanUp.push("/api/v1/namespaces/default/pods/p");
    const { spec, metadata } = answer.json() as {
      spec: { containers: object[] };
      metadata: { managedFields: object };
    };
    expect(spec.containers[1]).toMatchObject({
      name: "s",
      imagePullPolicy: "IfNotPresent",
      terminationMessagePath: "/dev/termination-log",
    });
    expect(spec.containers[1]).not.toHaveProperty("unknown");
    // The in-tree plugins have had another look: the sidecar has the token, too.
    expect(spec.containers[1]).toHaveProperty("volumeMounts");
    expect(JSON.stringify(metadata.managedFields)).not.toContain('"s\\"');
  });

  test("what it makes of an object may be refused", async () => {
    const bad = [{ op: "add", path: "/data/a~1b", value: "x" }];
    const url = bench.hooks.on("/bad", (document, answer) => answer(reviewed(document, patched(bad))));
    await bench.configure("mutating", "bad", `url: "${url}"`);
    expect(await bench.create()).toMatch(
      /^422 Invalid ConfigMap "m" is invalid: data\[a\/b\]: Invalid value: /,
    );
  });

  test("what is the server's it cannot change", async () => {
    const operations = [
      { op: "add", path: "/metadata/uid", value: "u" },
      { op: "add", path: "/metadata/deletionTimestamp", value: "2020-01-01T00:00:00Z" },
      { op: "add", path: "/metadata/managedFields", value: [] },
      ...label("done"),
    ];
    const url = bench.hooks.on("/own", (document, answer) => answer(reviewed(document, patched(operations))));
    await bench.configure("mutating", "own", `url: "${url}"`);
    expect(await bench.create()).toBe("201");
    const { metadata } = (await bench.ask("GET", `${MAPS}/m`)).json() as {
      metadata: Record<string, unknown>;
    };
    expect(metadata).toMatchObject({ labels: { done: "x" } });
    expect(metadata["uid"]).not.toBe("u");
    expect(metadata).not.toHaveProperty("deletionTimestamp");
    expect(metadata).toHaveProperty("managedFields");
  });

  test.each([
    [
      patched([{ op: "remove", path: "/nope" }]),
      "500 InternalError Internal error occurred: error in remove for path: '/nope': Unable to remove nonexistent key: nope: missing value",
    ],
    [
      patched([{ op: "add", path: "/data", value: 7 }]),
      '500 InternalError Internal error occurred: ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type map[string]string',
    ],
    [
      patched([{ op: "replace", path: "/metadata/namespace", value: "kube-system" }]),
      "400 BadRequest the namespace of the provided object does not match the namespace sent on the request",
    ],
    [
      patched(Array.from({ length: 10_001 }, () => ({ op: "test", path: "/kind", value: "ConfigMap" }))),
      "413 RequestEntityTooLarge Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
    ],
    [
      { allowed: true, patchType: "JSONPatch", patch: "e30=" },
      "500 InternalError Internal error occurred: json: cannot unmarshal object into Go value of type jsonpatch.Patch",
    ],
  ])("a patch that cannot be, even with Ignore", async (response, wants) => {
    const url = bench.hooks.on("/patch", (document, answer) => answer(reviewed(document, response)));
    await bench.configure("mutating", "patch", `{url: "${url}", failurePolicy: Ignore}`);
    expect(await bench.create()).toBe(wants);
  });

  test.each([
    [{ allowed: true, patch: "W10=" }, "webhook returned response.patch but not response.patchType"],
    [{ allowed: true, patchType: "JSONPatch" }, "webhook returned response.patchType but not response.patch"],
  ])("a patch half said: %j", async (response, why) => {
    const url = bench.hooks.on("/half", (document, answer) => answer(reviewed(document, response)));
    await bench.configure("mutating", "half", `url: "${url}"`);
    expect(await bench.create()).toContain(`received invalid webhook response: ${why}`);
  });

  test("nothing can be patched on a delete", async () => {
    const url = bench.hooks.on("/label", (document, answer) =>
      answer(reviewed(document, patched(label("x")))),
    );
    expect(await bench.create()).toBe("201");
    await bench.configure(
      "mutating",
      "late",
      `{url: "${url}", rules: [{operations: [DELETE], apiGroups: [''], apiVersions: [v1], resources: [configmaps]}]}`,
    );
    const answer = await bench.ask("DELETE", `${MAPS}/m`);
    expect([answer.code, answer.json()["message"]]).toEqual([
      500,
      'Internal error occurred: admission webhook "late.example.com" attempted to modify the object, which is not supported for this operation',
    ]);
  });

  test("a dry run is one: the webhook is told, nothing is stored", async () => {
    const url = bench.hooks.on("/label", (document, answer) =>
      answer(reviewed(document, patched(label("x")))),
    );
    await bench.configure("mutating", "dry", `url: "${url}"`);
    const answer = await bench.creating({}, "?dryRun=All");
    expect((answer.json()["metadata"] as { labels: object }).labels).toEqual({ x: "x" });
    expect(bench.request()).toMatchObject({ dryRun: true, options: { dryRun: ["All"] } });
    expect((await bench.ask("GET", `${MAPS}/m`)).code).toBe(404);
  });
});
