import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { removeFolder, runPintle, temporaryFolder } from "../../test/scenarios/pintle-process.ts";
import { lockDirectory } from "../store/directory-lock.ts";

/** The built command line as a user calls it, without a cluster. */
const folder = temporaryFolder();
afterAll(() => removeFolder(folder));

const absent = join(folder, "absent");

/** A KubeSchedulerConfiguration of one profile. */
const schedulerConfig = (name: string, profile: string) => {
  const file = join(folder, `${name}.yaml`);
  const head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";
  writeFileSync(file, `${head}profiles: [${profile}]\n`);
  return file;
};

describe("exit codes and words", () => {
  test.each([
    { line: "--help", code: 0, stdout: /^Usage: pintle/ },
    { line: "up --help", code: 0, stdout: /--nodes <n> .*\(default: 3\)/ },
    { line: "status --help", code: 0, stdout: /^Usage: pintle status/ },
    { line: "node list --help", code: 0, stdout: /^Usage: pintle node list/ },
    { line: "down --help", code: 0, stdout: /^Usage: pintle down/ },
    { line: "delete --help", code: 0, stdout: /^Usage: pintle delete/ },
    { line: "version --help", code: 0, stdout: /^Usage: pintle version/ },
    { line: "demo --help", code: 0, stdout: /^Usage: pintle demo/ },
    { line: "--version", code: 0, stdout: /^\d+\.\d+\.\d+\n$/ },
    { line: "version", code: 0, stdout: /^pintle \d.*\nKubernetes v1\.36\.\d+\n/ },
    { line: "", code: 2, stderr: /^Usage: pintle/ },
    { line: "fly", code: 2, stderr: /^error: unknown command 'fly'\n/ },
    { line: "up --flag", code: 2, stderr: /^error: unknown option '--flag'\n/ },
    { line: "up extra", code: 2, stderr: /^error: too many arguments/ },
    { line: "up --nodes", code: 2, stderr: /^error: option '--nodes <n>' argument missing\n/ },
    { line: "up --nodes -1", code: 2, stderr: /must be a whole number from 0 to 32768/ },
    { line: "up --nodes 32769", code: 2, stderr: /must be a whole number from 0 to 32768/ },
    { line: "up --port 65536", code: 2, stderr: /must be a whole number from 0 to 65535/ },
    { line: "up --port 0x10", code: 2, stderr: /must be a whole number/ },
    { line: "up --seed 1.5", code: 2, stderr: /must be a whole number/ },
    { line: "up --store sqlite", code: 2, stderr: /Allowed choices are memory, lmdb, etcd/ },
    { line: "status -o yaml", code: 2, stderr: /Allowed choices are table, json/ },
    { line: "node", code: 2, stderr: /^Usage: pintle node/ },
    {
      line: `status --data-dir ${absent}`,
      code: 1,
      stderr: /^pintle: no cluster is running in .*absent; start one with: pintle up --data-dir .*absent\n$/,
    },
    { line: `node list --data-dir ${absent}`, code: 1, stderr: /^pintle: no cluster is running in .*absent/ },
    { line: `down --data-dir ${absent}`, code: 0, stdout: /^no cluster is running in/ },
    { line: `delete --data-dir ${absent}`, code: 0, stdout: /^there is no cluster in/ },
    {
      line: `up --etcd-endpoints http://127.0.0.1:2379 --data-dir ${absent}`,
      code: 1,
      stderr: /^pintle: --etcd-endpoints goes with --store etcd only\n$/,
    },
    {
      line: `up --etcd-user me --etcd-password-file f --data-dir ${absent}`,
      code: 1,
      stderr: /^pintle: --etcd-user goes with --store etcd only\n$/,
    },
    {
      line: `apiserver --etcd-cafile f --data-dir ${absent}`,
      code: 1,
      stderr: /^pintle: --etcd-cafile goes with --etcd-servers only\n$/,
    },
    {
      line: `apiserver --etcd-servers http://127.0.0.1:1 --etcd-certfile f --data-dir ${absent}`,
      code: 1,
      stderr: /^pintle: --etcd-certfile and --etcd-keyfile go together\n$/,
    },
    { line: "store", code: 2, stderr: /^Usage: pintle store/ },
    { line: "store migrate --data-dir x", code: 2, stderr: /required option '--to <engine>' not specified/ },
    {
      line: `store migrate --to etcd --data-dir ${absent}`,
      code: 1,
      stderr: /^pintle: name the etcd with --etcd-servers, and the data directory with --data-dir\n$/,
    },
    {
      line: `store export f --etcd-cafile x --data-dir ${absent}`,
      code: 1,
      stderr: /^pintle: --etcd-cafile goes with --etcd-servers only\n$/,
    },
    {
      line: `store import ${join(absent, "f")} --data-dir ${folder}`,
      code: 1,
      stderr: /^pintle: no such file or directory: .*absent\/f\n$/,
    },
    {
      line: `store import ${folder} --data-dir ${absent}`,
      code: 1,
      stderr: /^pintle: \/\S+ is no file\n$/,
    },
    { line: "scheduler --leader-elect=maybe", code: 2, stderr: /must be true or false/ },
    { line: "scheduler --leader-elect-lease-duration 15", code: 2, stderr: /must be a duration such as 15s/ },
    {
      line: `kubelet --leader-elect-lease-duration 1m --leader-elect-renew-deadline 1m1s --kubeconfig ${absent}`,
      code: 1,
      stderr: /^pintle: leaseDuration must be greater than renewDeadline\n$/,
    },
    {
      line: `controller-manager --kubeconfig ${absent}`,
      code: 1,
      stderr: /^pintle: no such file or directory: .*absent; name a kubeconfig with --kubeconfig\n$/,
    },
    {
      line: "scheduler --config x --scheduler-name y",
      code: 2,
      stderr: /'--config <file>' cannot be used with/,
    },
    {
      line: `scheduler --config ${absent} --kubeconfig ${absent}`,
      code: 1,
      stderr: /^pintle: --config: no such file or directory: .*absent/,
    },
    {
      line: `scheduler --kubeconfig x --config ${schedulerConfig("plugin", "{plugins: {filter: {enabled: [{name: NodeResourceFit}]}}}")}`,
      code: 1,
      stderr:
        /^pintle: \S+plugin\.yaml: .*profiles\[0\]\.plugins\.filter\.enabled\[0\]\.name: Not found: "NodeResourceFit"\n$/,
    },
    {
      line: `scheduler --kubeconfig x --config ${schedulerConfig("weight", "{plugins: {score: {enabled: [{name: NodeAffinity, weight: -1}]}}}")}`,
      code: 1,
      stderr: /^pintle: \S+weight\.yaml: .*profiles\[0\]\.plugins\.score\.enabled\[0\]\.weight: .*-1.*\n$/,
    },
    {
      line: `up --runtime cri --data-dir ${absent}`,
      code: 1,
      stderr: /^pintle: runtime cri is not available yet; use simulated\n$/,
    },
  ])("pintle $line", async ({ line, code, stdout, stderr }) => {
    const ran = await runPintle(line.split(" ").filter((word) => word !== ""));
    expect(ran.code).toBe(code);
    if (stdout === undefined) expect(ran.stdout).toBe("");
    else expect(ran.stdout).toMatch(stdout);
    if (stderr === undefined) expect(ran.stderr).toBe("");
    else expect(ran.stderr).toMatch(stderr);
    expect(existsSync(absent)).toBe(false);
  });

  test("status -o json says it in JSON as well", async () => {
    const ran = await runPintle(["status", "--data-dir", absent, "-o", "json"]);
    expect([ran.code, JSON.parse(ran.stdout)]).toEqual([1, { running: false, dataDir: absent }]);
  });

  test("version -o json has a hash of every core that ships", async () => {
    const { stdout } = await runPintle(["version", "-o", "json"]);
    const { cores } = JSON.parse(stdout) as { cores: Record<string, string> };
    expect(Object.keys(cores)).toEqual(
      expect.arrayContaining(["scheduler.wasm", "scheduler.scalar.wasm", "scheduler.shared.wasm"]),
    );
    expect(Object.values(cores).every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
  });
});

describe("delete never removes what is not ours", () => {
  test("a folder without a cluster is refused", async () => {
    const photos = join(folder, "photos");
    mkdirSync(photos);
    writeFileSync(join(photos, "cat.jpg"), "");
    const ran = await runPintle(["delete", "--data-dir", photos]);
    expect([ran.code, ran.stderr]).toEqual([1, `pintle: ${photos} holds no cluster; nothing was removed\n`]);
    expect(readdirSync(photos)).toEqual(["cat.jpg"]);
  });

  test("a file beside a cluster's stays", async () => {
    const mixed = join(folder, "mixed");
    mkdirSync(join(mixed, "pki"), { recursive: true });
    for (const name of ["notes.txt", "pintle.log", "lock-1-2", ".kubeconfig.1.tmp"])
      writeFileSync(join(mixed, name), "");
    expect((await runPintle(["delete", "--data-dir", mixed])).code).toBe(0);
    expect(readdirSync(mixed)).toEqual(["notes.txt"]);
  });
});

test.each([
  { name: "none", text: undefined, says: "does not tell where it is reached" },
  { name: "half of one", text: '{"url":', says: "does not tell where it is reached" },
  { name: "another's", text: "[]", says: "does not tell where it is reached" },
  { name: "that of an earlier process", text: '{"pid":1,"url":"u","kubeconfig":"k"}', says: "just starting" },
])("a directory that is held, its state file being $name, is said to be so", async ({ text, says }) => {
  const data = temporaryFolder();
  const lock = lockDirectory(data);
  try {
    if (text !== undefined) writeFileSync(join(data, "cluster.json"), text);
    for (const command of ["status", "down", "delete", "up"]) {
      const ran = await runPintle([command, "--data-dir", data]);
      expect([command, ran.code, ran.stdout]).toEqual([command, 1, ""]);
      expect(ran.stderr).toMatch(new RegExp(`^pintle: pid ${process.pid} works in .*${says}.*\n$`));
    }
  } finally {
    lock.release();
    removeFolder(data);
  }
});

test("a damaged state file of a stopped cluster is in nobody's way", async () => {
  const data = temporaryFolder();
  writeFileSync(join(data, "cluster.json"), "{");
  expect((await runPintle(["status", "--data-dir", data])).stderr).toMatch(/^pintle: no cluster is running/);
  expect((await runPintle(["delete", "--data-dir", data])).code).toBe(0);
  expect(existsSync(data)).toBe(false);
});
