import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  eventually,
  type PintleProcess,
  pintleUp,
  removeFolder,
  runPintle,
  temporaryFolder,
} from "../../test/scenarios/pintle-process.ts";
import * as kinds from "../api/registry.ts";
import { createHttpClient, type HttpClient } from "../client/http-client.ts";
import type { Explanation } from "../scheduler/library.ts";
import { explanationTable } from "./output/explanation.ts";
import { findKubeconfig, readKubeconfig } from "./read-kubeconfig.ts";

const folder = temporaryFolder();
afterAll(() => removeFolder(folder));

describe("pintle explain pod, of a running cluster", () => {
  let cluster: PintleProcess;
  let client: HttpClient;
  beforeAll(async () => {
    cluster = await pintleUp(join(folder, "data"), ["--nodes", "3", "--store", "memory", "--seed", "4"]);
    client = createHttpClient(await readKubeconfig(cluster.kubeconfig));
    const pod = (name: string, cpu: string) => ({
      metadata: { name, namespace: "default" },
      spec: { containers: [{ name: "main", image: "nginx", resources: { requests: { cpu } } }] },
    });
    for (const [name, cpu] of [
      ["small", "1"],
      ["huge", "900"],
    ] as const)
      await client.create(kinds.Pod, pod(name, cpu));
  });
  afterAll(async () => {
    client.close();
    await cluster.stop();
  });

  const explain = (...words: string[]) =>
    runPintle(["explain", "pod", ...words, "--kubeconfig", cluster.kubeconfig]);

  test("a bound pod: its node is the best, as if it were not there yet", async () => {
    const bound = await eventually(
      () => client.get(kinds.Pod, { namespace: "default", name: "small" }),
      (pod) => pod.spec?.nodeName !== undefined,
    );
    const ran = await explain("small", "-n", "default", "-o", "json");
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    const { pod, nodes } = JSON.parse(ran.stdout) as Explanation;
    expect([pod, nodes.length]).toEqual(["default/small", 3]);
    const totals = nodes.map(({ total }) => total!);
    // Equal nodes: had the pod counted, its own node would be worse.
    expect(new Set(totals).size).toBe(1);
    const table = await explain("small");
    expect(table.stdout).toContain(`of 3 feasible nodes among 3; the pod is on ${bound.spec!.nodeName}\n`);
  });

  test("a pod that fits nowhere: the filter and its reason, for each node", async () => {
    const ran = await explain("huge", "-o", "json");
    const { chosen, nodes } = JSON.parse(ran.stdout) as Explanation;
    expect(chosen).toBeNull();
    expect(nodes.map(({ rejectedBy, reasons }) => [rejectedBy, reasons])).toEqual(
      Array(3).fill(["NodeResourcesFit", ["Insufficient cpu"]]),
    );
  });

  test("mistakes are a line", async () => {
    expect(await explain("absent")).toEqual({
      code: 1,
      stdout: "",
      stderr: 'pintle: pods "absent" not found\n',
    });
    const ran = await runPintle(["explain", "pod", "small", "--kubeconfig", join(folder, "absent")]);
    expect([ran.code, ran.stderr]).toEqual([
      1,
      expect.stringMatching(/^pintle: no such file or directory: /),
    ]);
    expect((await runPintle(["explain", "pod"])).code).toBe(2);
  });
});

describe("kubeconfig", () => {
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const config = (user: string, cluster = "server: https://h:1") =>
    `{kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}], clusters: [{name: k, cluster: {${cluster}}}], users: [{name: u, user: {${user}}}]}`;

  test("certificates in place, and as files beside it", async () => {
    mkdirSync(join(folder, "files"));
    for (const name of ["ca", "crt", "key"]) writeFileSync(join(folder, "files", name), `PEM of ${name}`);
    const wanted = { server: "https://h:1", ca: "PEM of ca", cert: "PEM of crt", key: "PEM of key" };
    const asFiles = config(
      "client-certificate: files/crt, client-key: files/key",
      "server: https://h:1, certificate-authority: files/ca",
    );
    expect(await readKubeconfig(write("with-files", asFiles))).toEqual(wanted);
    const data = (name: string) => readFileSync(join(folder, "files", name)).toString("base64");
    const inPlace = config(
      `client-certificate-data: ${data("crt")}, client-key-data: ${data("key")}`,
      `server: https://h:1, certificate-authority-data: ${data("ca")}`,
    );
    expect(await readKubeconfig(write("in-place", inPlace))).toEqual(wanted);
    cpSync(join(folder, "files", "key"), join(folder, "token"));
    expect((await readKubeconfig(write("token-file", config("tokenFile: token")))).token).toBe("PEM of key");
  });

  test.each([
    { name: "no context", text: "{kind: Config}", says: "current-context: Required value" },
    {
      name: "no such user",
      text: config("").replace("{name: u,", "{name: v,"),
      says: 'users: Not found: "u"',
    },
    { name: "no server", text: config("", ""), says: "clusters: server: Required value" },
    { name: "a helper program", text: config("exec: {command: aws}"), says: "users: exec is not supported" },
    { name: "not YAML", text: "a: b: c", says: "is not YAML" },
  ])("$name is said with the file", async ({ text, says }) => {
    const path = write("bad", text);
    await expect(readKubeconfig(path)).rejects.toThrow(says);
    await expect(readKubeconfig(path)).rejects.toThrow(path);
  });

  test("the flag goes before the environment", () => {
    expect(findKubeconfig("a", { KUBECONFIG: "b" })).toBe("a");
    expect(findKubeconfig(undefined, { KUBECONFIG: ":b:c" })).toBe("b");
  });
});

test("the table: the choice, the best first, then who refused", () => {
  const score = (raw: number) => ({ NodeResourcesFit: { raw, normalized: raw, weighted: raw } });
  const text = explanationTable(
    {
      pod: "default/web",
      chosen: "b",
      nodes: [
        { node: "a", scores: score(9), total: 9 },
        { node: "b", scores: score(75), total: 75 },
        { node: "c", rejectedBy: "NodeResourcesFit", reasons: ["Insufficient cpu", "Too many pods"] },
      ],
    },
    undefined,
  );
  expect(text).toBe(
    [
      "default/web: b is chosen, of 2 feasible nodes among 3",
      "",
      "NODE   TOTAL   NODERESOURCESFIT",
      "b      75      75 75 75",
      "a      9       9 9 9",
      "A score is raw, normalised to 0 to 100, and weighted; TOTAL is the sum of the weighted ones.",
      "",
      "NODE   REFUSED BY         REASONS",
      "c      NodeResourcesFit   Insufficient cpu, Too many pods",
      "",
    ].join("\n"),
  );
});
