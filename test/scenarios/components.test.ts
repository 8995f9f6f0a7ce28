import { spawn } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EtcdProcess, hasEtcd } from "../faults/etcd-process.ts";
import {
  type ComponentProcess,
  QUICK_ELECTION,
  startApiServerProcess,
  startComponent,
} from "./component-process.ts";
import {
  eventually,
  kubectlFor,
  pintleUp,
  removeFolder,
  runPintle,
  temporaryFolder,
} from "./pintle-process.ts";
import { hasKubectl } from "./requirements.ts";

let folder = "";
const running: { stop(signal?: NodeJS.Signals): Promise<unknown> }[] = [];

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop("SIGKILL")));
  removeFolder(folder);
});

function component(kubeconfig: string, ...args: string[]): ComponentProcess {
  const one = startComponent([...args, "--kubeconfig", kubeconfig, ...QUICK_ELECTION]);
  running.push(one);
  return one;
}

async function apiServer(name: string, ...flags: string[]) {
  const server = await startApiServerProcess(join(folder, name), flags);
  running.push(server);
  return { ...server, kubectl: kubectlFor(server.kubeconfig, join(folder, `${name}-cache`)) };
}

const scheduler = (kubeconfig: string, ...args: string[]) =>
  component(kubeconfig, "scheduler", "--secure-port=0", ...args);

/** What the port of a component answers. */
async function ask(one: ComponentProcess, path: string, identity: object = {}): Promise<string> {
  const url = /serves health and metrics.*?url=(https:\S+)/.exec(one.output())?.[1];
  return new Promise((resolve, reject) => {
    get(`${url}${path}`, { ...identity, rejectUnauthorized: false, agent: false }, (response) => {
      let body = "";
      response.on("data", (part: Buffer) => {
        body += part;
      });
      response.on("end", () => resolve(body));
    }).on("error", reject);
  });
}

const adminOf = (dataDir: string) => ({
  cert: readFileSync(join(dataDir, "pki", "admin.crt")),
  key: readFileSync(join(dataDir, "pki", "admin.key")),
});

const leads = (one: ComponentProcess) => one.output().includes(" leads ");

describe.runIf(hasKubectl())("components as processes of their own", { timeout: 60_000 }, () => {
  test("make a cluster together; of two schedulers one works, and the other when that is killed", async () => {
    const { kubectl, kubeconfig } = await apiServer("one");
    component(kubeconfig, "controller-manager");
    component(kubeconfig, "kubelet", "--nodes", "2");
    const schedulers = [scheduler(kubeconfig), scheduler(kubeconfig)];
    const running = (label: string) =>
      kubectl(`get pods -l ${label} --field-selector status.phase=Running --no-headers -o name`);
    await kubectl("create deployment web --image=nginx --replicas=3");
    await eventually(
      () => running("app=web"),
      ({ stdout }) => stdout.trim().split("\n").length === 3,
      30_000,
    );
    const leader = schedulers.find(leads)!;
    const second = schedulers.find((one) => one !== leader)!;
    expect(leads(second)).toBe(false);
    // Both answer for themselves; what they have done is told to the administrator alone.
    expect(await Promise.all([leader, second].map((one) => ask(one, "/readyz")))).toEqual(["ok", "ok"]);
    expect(await ask(leader, "/metrics")).toMatch(/^forbidden: User "system:anonymous" cannot get path/);
    expect(await ask(leader, "/metrics", adminOf(join(folder, "one")))).toMatch(
      /^scheduler_schedule_attempts_total\{result="scheduled",profile="default-scheduler"\} 3$/m,
    );
    await leader.stop("SIGKILL");
    await kubectl("create deployment more --image=nginx --replicas=2");
    await eventually(
      () => running("app=more"),
      ({ stdout }) => stdout.trim().split("\n").length === 2,
      30_000,
    );
    expect(leads(second)).toBe(true);
    // One that stops of its own will gives the Lease back.
    expect(await second.stop()).toBe(0);
    const holder = await kubectl(
      "get lease -n kube-system kube-scheduler -o jsonpath={.spec.holderIdentity}",
    );
    expect(holder).toMatchObject({ code: 0, stdout: "" });
    // The API server is a cluster to status and down.
    const data = ["--data-dir", join(folder, "one")];
    expect((await runPintle(["node", "list", ...data])).stdout).toMatch(/node-2/);
    expect((await runPintle(["down", ...data])).stdout).toMatch(/^stopped the cluster/);
  });

  test("wait for a server that is not there yet, and say who refuses them", async () => {
    const { kubectl, kubeconfig, child } = await apiServer("one");
    const server = (await kubectl("config view -o jsonpath={.clusters[0].cluster.server}")).stdout;
    await kubectl(`config --kubeconfig ${join(folder, "anonymous")} set-cluster c --server ${server}`);
    const anonymous = join(folder, "anonymous");
    await kubectl(
      `config --kubeconfig ${anonymous} set clusters.c.certificate-authority ${folder}/one/pki/ca.crt`,
    );
    await kubectl(`config --kubeconfig ${anonymous} set-credentials u --token wrong`);
    await kubectl(`config --kubeconfig ${anonymous} set-context x --cluster c --user u`);
    await kubectl(`config --kubeconfig ${anonymous} use-context x`);
    const refused = await runPintle([
      "scheduler",
      "--kubeconfig",
      anonymous,
      "--secure-port=0",
      "--log-level=warn",
    ]);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^pintle: .* refuses: Unauthorized\n$/),
    });
    child.kill("SIGKILL");
    const waiting = scheduler(kubeconfig);
    await eventually(
      async () => waiting.output(),
      (output) => output.includes("waits for the API server"),
    );
    expect(await ask(waiting, "/healthz")).toBe("ok");
    expect(await waiting.stop()).toBe(0);
  });
});

describe.runIf(hasKubectl())(
  "a scheduler of a configuration, beside an API server that dies",
  { timeout: 60_000 },
  () => {
    test("binds every pod of its profiles once, and nobody else's", async () => {
      const first = await apiServer("one");
      const { kubectl, kubeconfig } = first;
      const config = join(folder, "config.yaml");
      const profiles = [{ schedulerName: "default-scheduler" }, { schedulerName: "packing" }];
      writeFileSync(
        config,
        JSON.stringify({
          apiVersion: "kubescheduler.config.k8s.io/v1",
          kind: "KubeSchedulerConfiguration",
          profiles,
        }),
      );
      component(kubeconfig, "controller-manager");
      component(kubeconfig, "kubelet", "--nodes", "2");
      await eventually(
        () => kubectl("get serviceaccount default -o name"),
        ({ code }) => code === 0,
      );
      const running = scheduler(kubeconfig, "--config", config);
      const create = async (...names: string[]) => {
        const pods = names.map((name) => ({
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name },
          spec: { schedulerName: name.split(".")[0], containers: [{ name: "c", image: "nginx" }] },
        }));
        const file = join(folder, "pods.json");
        writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: pods }));
        expect(await kubectl(`create -f ${file}`)).toMatchObject({ code: 0 });
      };
      const placed = async () => {
        const { items } = JSON.parse((await kubectl("get pods -o json")).stdout || '{"items":[]}') as {
          items: { metadata: { name: string }; spec: { nodeName?: string } }[];
        };
        const names = items.filter(({ spec }) => spec.nodeName).map(({ metadata }) => metadata.name);
        return names.sort().join(" ");
      };
      const isPlaced = (names: string) => eventually(placed, (now) => now === names, 30_000);
      await create("default-scheduler.1", "packing.1", "nobody.1");
      await isPlaced("default-scheduler.1 packing.1");
      const port = new URL((await kubectl("config view -o jsonpath={.clusters[0].cluster.server}")).stdout)
        .port;
      // Some are perhaps bound when it dies, some not.
      await create("default-scheduler.2", "packing.2");
      await first.stop("SIGKILL");
      // Whoever waits for the new one must not find the file of the old.
      rmSync(kubeconfig);
      await apiServer("one", "--secure-port", port);
      await create("default-scheduler.3", "packing.3", "nobody.3");
      await isPlaced(
        [1, 2, 3]
          .map((i) => `default-scheduler.${i}`)
          .concat([1, 2, 3].map((i) => `packing.${i}`))
          .join(" "),
      );
      expect(running.child.exitCode).toBeNull();
      const bound = [...running.output().matchAll(/bound pod.*? pod=default\/(\S+)/g)].map(
        ([, name]) => name,
      );
      expect(bound.length).toBe(new Set(bound).size);
    });
  },
);

describe.runIf(hasKubectl() && hasEtcd())("several on one etcd", { timeout: 90_000 }, () => {
  let etcd: EtcdProcess;
  beforeEach(async () => {
    etcd = await EtcdProcess.start();
    running.push({ stop: () => etcd.remove() });
  });

  test("two API servers are one: what is written through one the other's watch tells, under the same revision", async () => {
    const shared = ["--etcd-servers", etcd.endpoint, "--cert-dir", join(folder, "pki")];
    // Side by side from the first moment: neither may make an authority of its own.
    const [one, two] = await Promise.all([apiServer("one", ...shared), apiServer("two", ...shared)]);
    const watch = spawn("kubectl", [
      ...["--kubeconfig", two.kubeconfig, "get", "configmaps", "-w", "--output-watch-events"],
      ...["-o", "jsonpath={.type} {.object.metadata.name} {.object.metadata.resourceVersion}{'\\n'}"],
    ]);
    running.push({ stop: async () => watch.kill() });
    let told = "";
    watch.stdout.on("data", (chunk: Buffer) => {
      told += chunk;
    });
    const created = await one.kubectl("create configmap motto -o jsonpath={.metadata.resourceVersion}");
    await eventually(
      async () => told,
      (text) => text.includes(`ADDED motto ${created.stdout}`),
    );
    const read = await two.kubectl("get configmap motto -o jsonpath={.metadata.resourceVersion}");
    expect(read.stdout).toBe(created.stdout);
    // The kubeconfig of one opens the other.
    const server = (await two.kubectl("config view -o jsonpath={.clusters[0].cluster.server}")).stdout;
    expect((await one.kubectl(`--server ${server} get configmap motto -o name`)).stdout).toBe(
      "configmap/motto\n",
    );
    const subsets = await one.kubectl("get endpoints kubernetes -o jsonpath={.subsets[*].ports[*].port}");
    expect(subsets.stdout.split(" ").length).toBe(2);
    const stranger = await runPintle([
      ...["apiserver", "--etcd-servers", etcd.endpoint, "--secure-port", "0"],
      ...["--data-dir", join(folder, "stranger")],
    ]);
    expect([stranger.code, stranger.stderr]).toEqual([
      1,
      expect.stringMatching(
        /^pintle: this etcd holds the cluster of another certificate authority; [^\n]+\n$/,
      ),
    ]);
  });

  test("two pintle up are one cluster, and when one stops the other goes on", async () => {
    const up = async (name: string) => {
      const flags = ["--store", "etcd", "--etcd-endpoints", etcd.endpoint, "--cert-dir", join(folder, "pki")];
      const cluster = await pintleUp(join(folder, name), flags);
      running.push(cluster);
      return { ...cluster, kubectl: kubectlFor(cluster.kubeconfig, join(folder, `${name}-cache`)) };
    };
    const one = await up("one");
    const two = await up("two");
    await two.kubectl("create deployment web --image=nginx --replicas=2");
    const ready = (wanted: string) =>
      eventually(
        () => two.kubectl("get deployment web -o jsonpath={.status.readyReplicas}"),
        ({ stdout }) => stdout === wanted,
        30_000,
      );
    await ready("2");
    expect(await one.stop("SIGTERM")).toBe(0);
    await two.kubectl("scale deployment web --replicas=4");
    await ready("4");
  });
});
