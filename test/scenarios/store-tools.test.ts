import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EtcdProcess, hasEtcd } from "../faults/etcd-process.ts";
import {
  kubectlFor,
  type PintleProcess,
  pintleUp,
  removeFolder,
  runPintle,
  temporaryFolder,
} from "./pintle-process.ts";
import { hasKubectl } from "./requirements.ts";

const folder = temporaryFolder();
const running: { stop(signal?: NodeJS.Signals): Promise<unknown> }[] = [];
afterAll(async () => {
  await Promise.all(running.map((one) => one.stop("SIGKILL")));
  removeFolder(folder);
});

const path = (name: string) => join(folder, name);

async function up(name: string, ...flags: string[]) {
  const cluster = await pintleUp(path(name), ["--nodes", "0", ...flags]);
  running.push(cluster);
  return { ...cluster, kubectl: kubectlFor(cluster.kubeconfig, path(`${name}-cache`)) };
}

/** `pintle store WORDS`, its answer as JSON. */
async function store<Report>(words: string): Promise<Report> {
  const ran = await runPintle(["store", ...words.split(" "), "-o", "json"]);
  if (ran.code !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout) as Report;
}

/** One that is refused: exit code 1 and the one line. */
async function refused(...args: string[]): Promise<string> {
  const ran = await runPintle(args);
  expect([ran.code, ran.stdout]).toEqual([1, ""]);
  expect(ran.stderr).toMatch(/^pintle: [^\n]+\n$/);
  return ran.stderr;
}

async function names(cluster: Pick<Awaited<ReturnType<typeof up>>, "kubectl">): Promise<string[]> {
  const { stdout } = await cluster.kubectl("get configmaps -n default -o name");
  return stdout.trim().split("\n");
}

interface Facts {
  readonly keys: number;
  readonly revision: number;
  readonly dryRun?: boolean;
}

describe.runIf(hasKubectl())("pintle store", { timeout: 120_000 }, () => {
  let cluster: PintleProcess & Awaited<ReturnType<typeof up>>;
  beforeAll(async () => {
    cluster = await up("one");
  });

  test("backs a running cluster up, and another one begins with that", async () => {
    await cluster.kubectl("create configmap motto --from-literal=said=hello");
    const writing = Promise.all(
      Array.from({ length: 8 }, (_, i) => cluster.kubectl(`create configmap during-${i}`)),
    );
    const exported = await store<Facts>(`export ${path("backup")} --data-dir ${path("one")}`);
    await writing;
    expect(await store<Facts>(`check ${path("backup")}`)).toMatchObject({ keys: exported.keys });
    expect(readFileSync(path("backup"), "utf8")).toMatch(
      /^\{"format":"pintle-backup","version":1,"engine":"lmdb",/,
    );
    expect(await refused("store", "export", path("backup"), "--data-dir", path("one"))).toMatch(
      /is there already/,
    );

    const second = await up("two", "--restore", path("backup"));
    const motto = await second.kubectl("get configmap motto -o jsonpath={.data.said}");
    expect(motto.stdout).toBe("hello");
    expect(await names(cluster)).toEqual(expect.arrayContaining(await names(second)));
    await second.stop();
    // Not over what is there.
    expect(
      await refused("up", "--data-dir", path("two"), "--port", "0", "--restore", path("backup")),
    ).toMatch(/two\/store has a store already; nothing was changed/);
    expect(await refused("store", "import", path("backup"), "--data-dir", path("two"))).toMatch(/already/);
  });

  test("refuses a torn backup and leaves the data directory as it was", async () => {
    await store(`export ${path("whole")} --data-dir ${path("one")}`);
    const whole = readFileSync(path("whole"));
    writeFileSync(path("torn"), whole.subarray(0, whole.length / 2));
    writeFileSync(path("changed"), whole.toString().replace("hello", "hullo"));
    for (const [name, says] of [
      ["torn", /is cut short|is damaged/],
      ["changed", /checksum does not match/],
    ] as const) {
      expect(
        await refused("up", "--data-dir", path("three"), "--port", "0", "--restore", path(name)),
      ).toMatch(says);
      expect(await refused("store", "import", path(name), "--data-dir", path("four"))).toMatch(says);
      expect(await refused("store", "check", path(name))).toMatch(says);
    }
    expect(readdirSync(path("three"))).toEqual([]);
    expect(existsSync(path("four"))).toBe(false);
  });

  test("checks and compacts", async () => {
    const data = `--data-dir ${path("one")}`;
    expect(await store(`check ${data}`)).toMatchObject({ store: "lmdb", running: true, sound: true });
    expect(await refused("store", "compact", "--data-dir", path("one"))).toMatch(
      /a cluster runs in .*: pintle down/,
    );
    for (let i = 0; i < 3; i++) await cluster.kubectl(`delete configmap during-${i}`);
    await cluster.stop();
    const before = await store<Facts>(`check ${data}`);
    expect(before).toMatchObject({ running: false, sound: true, compactedRevision: 0 });
    expect(await store(`compact --dry-run ${data}`)).toMatchObject({
      revision: before.revision,
      dryRun: true,
    });
    expect(await store(`check ${data}`)).toEqual(before);
    await store(`compact ${data}`);
    const { keys, revision } = before;
    expect(await store(`check ${data}`)).toMatchObject({ keys, revision, compactedRevision: revision });
    cluster = await up("one");
    expect((await names(cluster)).length).toBe(7);
    await cluster.stop();
    expect(await refused("store", "check", "--data-dir", path("nowhere"))).toMatch(
      /there is no store in .*nowhere/,
    );
  });

  test.runIf(hasEtcd())("moves a cluster from LMDB to etcd and back", async () => {
    const etcd = await EtcdProcess.start();
    running.push({ stop: () => etcd.remove() });
    const both = `--data-dir ${path("one")} --etcd-servers ${etcd.endpoint}`;
    const dry = await store<Facts>(`migrate --to etcd --dry-run ${both}`);
    expect(etcd.ctl("get", "--prefix", "", "--keys-only").trim()).toBe("");
    expect(await store(`migrate --to etcd ${both}`)).toMatchObject({ keys: dry.keys, dryRun: false });
    expect(await refused("store", "migrate", "--to", "etcd", ...both.split(" "))).toMatch(
      /has a cluster in it already; nothing was changed/,
    );
    const flags = ["--store", "etcd", "--etcd-endpoints", etcd.endpoint];
    const moved = await up("one", ...flags);
    expect((await names(moved)).length).toBe(7);
    await moved.kubectl("create configmap in-etcd");
    const back = `--data-dir ${path("five")} --etcd-servers ${etcd.endpoint}`;
    expect(await refused("store", "migrate", "--to", "lmdb", ...back.split(" "))).toMatch(
      /API servers work on this etcd: 127\.0\.0\.1:\d+; stop them first/,
    );
    // A backup asks nobody to stop.
    await store(`export ${path("from-etcd")} --etcd-servers ${etcd.endpoint}`);
    expect(await store(`check --etcd-servers ${etcd.endpoint}`)).toMatchObject({
      store: "etcd",
      sound: true,
    });
    await store(`compact --etcd-servers ${etcd.endpoint}`);
    expect((await names(moved)).length).toBe(8);
    await moved.stop("SIGTERM");
    await store(`migrate --to lmdb ${back}`);
    const home = await up("five");
    expect(await names(home)).toContain("configmap/in-etcd");
    await home.stop();
    // One etcd's backup goes into another that is empty, and no other.
    const empty = await EtcdProcess.start();
    running.push({ stop: () => empty.remove() });
    await store(`import ${path("from-etcd")} --etcd-servers ${empty.endpoint}`);
    expect(empty.ctl("get", "/registry/configmaps/default/in-etcd", "--print-value-only")).toMatch(
      /"in-etcd"/,
    );
    const again = ["--etcd-servers", empty.endpoint];
    expect(await refused("store", "import", path("from-etcd"), ...again)).toMatch(
      /has a cluster in it already/,
    );
    empty.ctl("put", "/registry/configmaps/default/odd", "not JSON");
    const odd = await runPintle(["store", "check", ...again]);
    expect([odd.code, odd.stderr]).toEqual([1, expect.stringContaining("/registry/configmaps/default/odd")]);
    await empty.kill();
    expect(await refused("store", "export", path("none"), ...again)).toMatch(
      /^pintle: etcd at .* cannot be used/,
    );
    expect(existsSync(path("none"))).toBe(false);
  });
});
