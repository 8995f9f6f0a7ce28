import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  CLI,
  eventually,
  pintleUp,
  removeFolder,
  runPintle,
  temporaryFolder,
} from "../../test/scenarios/pintle-process.ts";

/** Real processes: what one command leaves for the others, and what happens when things are in the way. */
const folder = temporaryFolder();
afterAll(() => removeFolder(folder));

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe("a cluster in the foreground", () => {
  test("is seen by the other commands, refuses a second, and ends cleanly", async () => {
    const data = join(folder, "foreground");
    const cluster = await pintleUp(data, ["--nodes", "2", "--seed", "9"]);
    try {
      expect(["", "kubeconfig", "pki/ca.key", "cluster.json"].map((name) => mode(join(data, name)))).toEqual([
        "700",
        "600",
        "600",
        "600",
      ]);

      const status = await runPintle(["status", "--data-dir", data, "-o", "json"]);
      expect([status.code, status.stderr]).toEqual([0, ""]);
      expect(JSON.parse(status.stdout)).toMatchObject({
        running: true,
        ready: true,
        pid: cluster.child.pid,
        url: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/),
        kubeconfig: cluster.kubeconfig,
        store: "lmdb",
        seed: 9,
        nodes: { total: 2, ready: 2 },
        pods: { total: 0, running: 0 },
      });
      expect((await runPintle(["status", "--data-dir", data])).stdout).toMatch(/^nodes +2 of 2 ready$/m);

      const nodes = await runPintle(["node", "list", "--data-dir", data, "-o", "json"]);
      expect(JSON.parse(nodes.stdout)).toMatchObject([
        { ready: true, schedulable: true, pods: 0 },
        { ready: true },
      ]);
      expect((await runPintle(["node", "list", "--data-dir", data])).stdout).toMatch(
        /^NAME +STATUS +ZONE +PODS/,
      );

      const before = readFileSync(cluster.kubeconfig, "utf8");
      const second = await runPintle(["up", "--data-dir", data, "--port", "0"]);
      expect([second.code, second.stdout]).toEqual([1, ""]);
      expect(second.stderr).toMatch(new RegExp(`^pintle: .*in use.*pid ${cluster.child.pid}.*\n$`));
      expect(readFileSync(cluster.kubeconfig, "utf8")).toBe(before);
    } finally {
      expect(await cluster.stop("SIGINT")).toBe(0);
    }
    expect(cluster.output()).toMatch(/seed +9\n/);
    expect((await runPintle(["status", "--data-dir", data])).stderr).toMatch(/no cluster is running/);
    expect(readdirSync(data).filter((name) => name.startsWith("lock"))).toEqual([]);
  });

  test("killed, it is not taken for running, and delete removes what it left", async () => {
    const data = join(folder, "killed");
    const cluster = await pintleUp(data, ["--nodes", "0"]);
    await cluster.stop("SIGKILL");
    const status = await runPintle(["status", "--data-dir", data]);
    expect([status.code, status.stdout]).toEqual([1, ""]);
    expect((await runPintle(["delete", "--data-dir", data])).code).toBe(0);
    expect(existsSync(data)).toBe(false);
  });
});

test("a signal while it starts stops it, and leaves nothing of a first start", async () => {
  const data = join(folder, "early");
  const child = spawn(process.execPath, [CLI, "up", "--data-dir", data, "--port", "0"], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
  // Its lock is the first thing that it makes.
  await eventually(
    async () => (existsSync(data) ? readdirSync(data) : []),
    (names) => names.length > 0,
  );
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
  expect(readdirSync(data)).toEqual([]);
});

test("a detached cluster reports, is stopped by down, started again, and deleted with its kubeconfig's entries", async () => {
  const data = join(folder, "detached");
  const kubeconfig = join(folder, "shared-config");
  const up = [
    "up",
    "--detach",
    "--data-dir",
    data,
    "--port",
    "0",
    "--kubeconfig",
    kubeconfig,
    "--nodes",
    "1",
  ];
  try {
    const first = await runPintle(up);
    expect([first.code, first.stderr]).toEqual([0, ""]);
    expect(first.stdout).toContain(`export KUBECONFIG=${kubeconfig}\n`);
    expect((await runPintle(["down", "--data-dir", data])).stdout).toMatch(/^stopped the cluster at https:/);
    expect((await runPintle(up)).code).toBe(0);
    expect((await runPintle(["status", "--data-dir", data])).code).toBe(0);
    const third = await runPintle(up);
    expect([third.code, third.stdout]).toEqual([1, ""]);
    expect(third.stderr).toMatch(/^pintle: .*in use.*\n$/);
  } finally {
    expect((await runPintle(["delete", "--data-dir", data])).stderr).toBe("");
  }
  expect([existsSync(data), existsSync(kubeconfig)]).toEqual([false, false]);
});

describe("what is in the way is one line and exit 1", () => {
  test("a taken port", async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, "127.0.0.1", () => resolve((other.address() as { port: number }).port));
    });
    try {
      const ran = await runPintle(["up", "--data-dir", join(folder, "taken"), "--port", String(port)]);
      // What a first start made is gone again: the next may be another store, or a backup.
      expect(["pki", "store"].map((name) => existsSync(join(folder, "taken", name)))).toEqual([false, false]);
      expect([ran.code, ran.stderr]).toEqual([
        1,
        `pintle: 127.0.0.1:${port} is taken; stop what listens there, or choose another port (0 picks a free one)\n`,
      ]);
    } finally {
      other.close();
    }
  });

  test.each([
    { name: "a corrupt certificate", file: "pki/ca.crt", says: /^pintle: .*ca\.crt is corrupt.*\n$/ },
    { name: "a corrupt store", file: "store/store.mdb", says: /^pintle: .*store.*\n$/ },
    { name: "a kubeconfig that is none", file: "kubeconfig", says: /^pintle: .*kubeconfig is not .*\n$/ },
  ])("$name", async ({ file, says }) => {
    const data = join(folder, file.replace("/", "-"));
    mkdirSync(join(data, "pki"), { recursive: true });
    mkdirSync(join(data, "store"));
    writeFileSync(join(data, file), "not what it should be: [");
    const ran = await runPintle(["up", "--data-dir", data, "--port", "0"]);
    expect([ran.code, ran.stdout]).toEqual([1, ""]);
    expect(ran.stderr).toMatch(says);
    expect(readFileSync(join(data, file), "utf8")).toBe("not what it should be: [");
  });

  test("a file of a flag", async () => {
    const data = join(folder, "flags");
    const absent = join(folder, "absent");
    const ran = await Promise.all(
      ["--token-auth-file", "--restore", "--audit-log-path"].map((flag) =>
        runPintle(["up", "--data-dir", `${data}${flag}`, "--port", "0", flag, join(absent, "file")]),
      ),
    );
    const why = `no such file or directory: ${join(absent, "file")}\n`;
    expect(ran.map(({ code, stderr }) => [code, stderr])).toEqual([
      [1, `pintle: --token-auth-file: ${why}`],
      [1, `pintle: --restore: ${why}`],
      [1, `pintle: --audit-log-path: ${why}`],
    ]);
  });

  test("a file in the place of the data directory", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    const ran = await runPintle(["up", "--data-dir", file, "--port", "0"]);
    expect([ran.code, ran.stdout]).toEqual([1, ""]);
    expect(ran.stderr).toMatch(/^pintle: .*file.*\n$/);
  });
});
