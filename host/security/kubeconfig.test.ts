import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { KubeconfigError, renderKubeconfig, withdrawKubeconfig, writeKubeconfig } from "./kubeconfig.ts";

const access = { server: "https://127.0.0.1:6443", caCert: "CA", cert: "CERT", key: "KEY" };
const OTHER = `apiVersion: v1
clusters:
- cluster:
    server: https://192.0.2.1
  name: work
contexts:
- context:
    cluster: work
    namespace: team
    user: me
  name: work
current-context: work
kind: Config
preferences: {}
users:
- name: me
  user:
    token: "00123"
`;

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pintle-kubeconfig-"));
  path = join(folder, "config");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const names = (list: { name: string }[]) => list.map((one) => one.name);
const shape = () => {
  const config = parse(readFileSync(path, "utf8"));
  return [names(config.clusters), names(config.contexts), names(config.users), config["current-context"]];
};

describe("writing", () => {
  test.each([
    { name: "into nothing", before: undefined, wants: [["pintle"], ["pintle"], ["pintle"], "pintle"] },
    { name: "over an empty file", before: "\n", wants: [["pintle"], ["pintle"], ["pintle"], "pintle"] },
    {
      name: "over our own of another port",
      before: renderKubeconfig({ ...access, server: "https://127.0.0.1:1" }),
      wants: [["pintle"], ["pintle"], ["pintle"], "pintle"],
    },
    {
      name: "beside another cluster",
      before: OTHER,
      wants: [["work", "pintle"], ["work", "pintle"], ["me", "pintle"], "pintle"],
    },
    {
      name: "into kubectl's empty form",
      before: "apiVersion: v1\nkind: Config\nclusters: null\ncontexts: null\nusers: null\n",
      wants: [["pintle"], ["pintle"], ["pintle"], "pintle"],
    },
  ])("$name", async ({ before, wants }) => {
    if (before !== undefined) writeFileSync(path, before, { mode: 0o644 });
    await writeKubeconfig(path, access);
    expect(shape()).toEqual(wants);
    expect(readFileSync(path, "utf8")).toContain("server: https://127.0.0.1:6443\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("a second time changes nothing, and what is foreign stays as kubectl would write it", async () => {
    writeFileSync(path, OTHER);
    await writeKubeconfig(path, access);
    const once = readFileSync(path, "utf8");
    await writeKubeconfig(path, access);
    expect(readFileSync(path, "utf8")).toBe(once);
    expect(once).toContain('user:\n    token: "00123"\n');
    expect(once).toContain("    namespace: team\n");
  });

  test("a link stays a link", async () => {
    const target = join(folder, "target");
    writeFileSync(target, OTHER);
    symlinkSync(target, path);
    await writeKubeconfig(path, access);
    expect(readFileSync(target, "utf8")).toContain("name: pintle");
  });

  test("kubectl reads it, and prints the same bytes", async () => {
    await writeKubeconfig(path, access);
    const { stdout } = spawnSync("kubectl", ["--kubeconfig", path, "config", "view", "--raw"], {
      encoding: "utf8",
    });
    expect(stdout).toBe(readFileSync(path, "utf8"));
  });

  test.each([
    { name: "not YAML", before: "a: [", says: "is not YAML" },
    { name: "another document", before: "kind: Pod\n", says: "kind is not Config" },
    {
      name: "a strange list",
      before: "kind: Config\nusers: [1]\n",
      says: "users is not a list of named entries",
    },
  ])("refuses to touch what is $name", async ({ before, says }) => {
    writeFileSync(path, before);
    const attempt = writeKubeconfig(path, access);
    await expect(attempt).rejects.toThrow(KubeconfigError);
    await expect(attempt).rejects.toThrow(says);
    expect(readFileSync(path, "utf8")).toBe(before);
  });
});

describe("withdrawing", () => {
  test("our own file goes, a missing one is no matter", async () => {
    await withdrawKubeconfig(path);
    await writeKubeconfig(path, access);
    await withdrawKubeconfig(path);
    expect(existsSync(path)).toBe(false);
  });

  test("other contexts stay, and none is current", async () => {
    writeFileSync(path, OTHER);
    await writeKubeconfig(path, access);
    await withdrawKubeconfig(path);
    expect(shape()).toEqual([["work"], ["work"], ["me"], ""]);
  });
});
