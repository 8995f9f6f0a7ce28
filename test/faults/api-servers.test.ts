import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { startApiServerProcess } from "../scenarios/component-process.ts";
import {
  eventually,
  kubectlFor,
  pintleUp,
  removeFolder,
  temporaryFolder,
} from "../scenarios/pintle-process.ts";
import { hasKubectl } from "../scenarios/requirements.ts";
import { ApiFollower, runApiWorkload } from "./api-workload.ts";
import { EtcdProcess, hasEtcd } from "./etcd-process.ts";
import type { HistoryRecord } from "./history.ts";
import { checkHistory } from "./history-checker.ts";
import { RecordedApi } from "./recorded-api.ts";

const seed = Number(process.env["SEED"] ?? 1);
let folder = "";
let records: HistoryRecord[] = [];
const running: { stop(signal?: NodeJS.Signals): Promise<unknown> }[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  records = [];
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop("SIGKILL")));
  removeFolder(folder);
});

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function startEtcd(members: number): Promise<readonly EtcdProcess[]> {
  const etcd = await EtcdProcess.startCluster(members);
  running.push(...etcd.map((member) => ({ stop: () => member.remove() })));
  return etcd;
}

async function recorded(kubeconfig: string, name: string): Promise<RecordedApi> {
  const api = await RecordedApi.of(kubeconfig, name, (record) => records.push(record));
  running.push({ stop: async () => api.close() });
  return api;
}

const acknowledged = () =>
  records.filter(({ at, ...rest }) => at === "answer" && JSON.stringify(rest).includes("wrote"));

describe.runIf(hasEtcd() && hasKubectl())("two API servers on one etcd", { timeout: 120_000 }, () => {
  test(`race for the same objects, and their clients' history keeps every promise (SEED=${seed})`, async () => {
    const [etcd] = await startEtcd(1);
    const shared = ["--etcd-servers", etcd!.endpoint, "--cert-dir", join(folder, "pki")];
    const servers = await Promise.all(
      ["one", "two"].map(async (name) => {
        const server = await startApiServerProcess(join(folder, name), shared);
        running.push(server);
        return await recorded(server.kubeconfig, name);
      }),
    );
    const from = await servers[0]!.list();
    const followers = servers.map((_, i) => new ApiFollower(servers, i, from));
    await runApiWorkload(servers, seededRandom(seed), {
      clients: 6,
      isOver: () => acknowledged().length >= 150,
    });
    const newest = await servers[1]!.list();
    // One last change, so that both have something to be told beyond what counts.
    await servers[0]!.create("last", "last");
    await eventually(
      async () => followers.map(({ position }) => position),
      (positions) => positions.every((position) => position > newest),
    );
    for (const follower of followers) follower.cancel();
    expect(checkHistory(records, { isWhole: false })).toEqual([]);
    expect(records.filter(({ at }) => at === "events").length).toBeGreaterThan(acknowledged().length);
  });

  // The whole of it: three members, two pintle up, kubectl and watchers; one member and one API server are killed.
  test(`survive the kill of a member of three and of one of themselves (SEED=${seed})`, async () => {
    const members = await startEtcd(3);
    const endpoints = members.map(({ endpoint }) => endpoint).join(",");
    const flags = [
      "--store",
      "etcd",
      "--etcd-endpoints",
      endpoints,
      "--cert-dir",
      join(folder, "pki"),
      "--nodes",
      "1",
    ];
    const clusters = [];
    for (const name of ["one", "two"]) {
      const cluster = await pintleUp(join(folder, name), flags);
      running.push(cluster);
      clusters.push(cluster);
    }
    const servers = await Promise.all(clusters.map(({ kubeconfig }, i) => recorded(kubeconfig, `s${i}`)));
    const [one, two] = clusters.map(({ kubeconfig }, i) => kubectlFor(kubeconfig, join(folder, `cache${i}`)));
    const watching = spawn("kubectl", [
      ...["--kubeconfig", clusters[1]!.kubeconfig, "get", "secrets", "-w", "--output-watch-events"],
      ...["-o", "jsonpath={.type} {.object.metadata.name}{'\\n'}"],
    ]);
    running.push({ stop: async () => watching.kill() });
    let toldKubectl = "";
    watching.stdout.on("data", (chunk: Buffer) => {
      toldKubectl += chunk;
    });

    const from = await servers[0]!.list();
    // Each begins at one of the two; the first has to go on at the other.
    const followers = servers.map((_, i) => new ApiFollower(servers, i, from));
    let isOver = false;
    const work = runApiWorkload(servers, seededRandom(seed), { clients: 4, isOver: () => isOver });
    const created: string[] = [];
    const creating = (async () => {
      for (let i = 0; !isOver; i++) {
        const name = `kept-${i}`;
        for (const kubectl of [one!, two!]) {
          const { code } = await kubectl(`create secret generic ${name} --from-literal=n=${i}`);
          if (code === 0) created.push(name);
          if (code === 0) break;
        }
      }
    })();
    const moreThan = (count: number) =>
      eventually(
        async () => acknowledged().length,
        (now) => now > count,
        60_000,
      );
    await moreThan(40);
    await members[0]!.kill();
    await moreThan(acknowledged().length + 40);
    const [first] = clusters;
    first!.child.kill("SIGKILL");
    await moreThan(acknowledged().length + 40);
    await members[0]!.restart();
    await members[1]!.kill();
    await moreThan(acknowledged().length + 40);
    await wait(200);
    isOver = true;
    await Promise.all([work, creating]);

    const newest = await servers[1]!.list();
    await servers[1]!.create("last", "last");
    await eventually(
      async () => followers.map(({ position }) => position),
      (positions) => positions.every((position) => position > newest),
      30_000,
    );
    for (const follower of followers) follower.cancel();
    expect(checkHistory(records, { isWhole: false })).toEqual([]);
    expect(records.filter(({ at }) => at === "events").length).toBeGreaterThan(acknowledged().length);
    expect(followers[0]!.resumed).toBeGreaterThan(0);

    const kept = (await two!("get secrets -o jsonpath={.items[*].metadata.name}")).stdout.split(" ");
    expect(created.filter((name) => !kept.includes(name))).toEqual([]);
    expect(created.length).toBeGreaterThan(3);
    // Kubectl's own watch, at the server that lived: each told once, none left out.
    await eventually(
      async () => toldKubectl,
      (told) => created.every((name) => told.includes(`ADDED ${name}\n`)),
    );
    const names = toldKubectl.split("\n").filter((line) => line.includes("kept-"));
    expect(names.length).toBe(new Set(names).size);
  });
});
