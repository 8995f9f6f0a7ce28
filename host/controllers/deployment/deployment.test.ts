import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Pod } from "../../api/core-kinds.ts";
import type { V1Deployment, V1Pod } from "../../api/generated/types.ts";
import { Deployment, ReplicaSet } from "../../api/workload-kinds.ts";
import { createApiCore } from "../../apiserver/core.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { deployment, TestCluster } from "../test-cluster.ts";

let cluster: TestCluster;

beforeEach(async () => {
  cluster = await new TestCluster().start((parts) =>
    createApiCore({ store: createMemoryStore({}), ...parts }),
  );
});

afterEach(() => cluster.stop());

describe("Deployment", () => {
  test("rolls out, rolls over within its bounds, and says so as Kubernetes does", async () => {
    const { client } = cluster;
    await client.create(Deployment, deployment("web", "nginx:1.27", 3));
    await cluster.until(() => cluster.isRolledOut("web"));
    const [first] = (await client.list(ReplicaSet, { namespace: "default" })).items;
    expect(first?.metadata?.name).toBe("web-bfb6488d7");

    cluster.history.length = 0;
    const image = [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: "nginx:1.28" }];
    await client.patch(Deployment, { namespace: "default", name: "web" }, { type: "json", body: image });
    await cluster.until(() => cluster.isRolledOut("web"));
    expect(Math.max(...cluster.history.map(({ active }) => active))).toBe(4);
    expect(Math.min(...cluster.history.map(({ ready }) => ready))).toBe(3);

    const sets = (await client.list(ReplicaSet, { namespace: "default" })).items;
    const second = sets.find((set) => set.metadata?.name !== first?.metadata?.name)?.metadata?.name;
    const words = (await cluster.events("Deployment")).map((event) => event.replace(`${second}`, "NEW"));
    expect(words).toEqual([
      "Normal ScalingReplicaSet Scaled up replica set web-bfb6488d7 from 0 to 3",
      "Normal ScalingReplicaSet Scaled up replica set NEW from 0 to 1",
      "Normal ScalingReplicaSet Scaled down replica set web-bfb6488d7 from 3 to 2",
      "Normal ScalingReplicaSet Scaled up replica set NEW from 1 to 2",
      "Normal ScalingReplicaSet Scaled down replica set web-bfb6488d7 from 2 to 1",
      "Normal ScalingReplicaSet Scaled up replica set NEW from 2 to 3",
      "Normal ScalingReplicaSet Scaled down replica set web-bfb6488d7 from 1 to 0",
    ]);
    const web = await client.get(Deployment, { namespace: "default", name: "web" });
    expect(web.metadata?.annotations?.["deployment.kubernetes.io/revision"]).toBe("2");
    expect(web.status?.conditions?.map((one) => `${one.type} ${one.status} ${one.reason}`)).toEqual([
      "Available True MinimumReplicasAvailable",
      "Progressing True NewReplicaSetAvailable",
    ]);
  });
});

describe("Deployment, off the straight path", () => {
  const at = { namespace: "default", name: "web" };
  const set = async (path: string, value: unknown) => {
    const body = [{ op: "add", path, value }];
    return cluster.client.patch(Deployment, at, { type: "json", body });
  };
  const image = (value: string) => set("/spec/template/spec/containers/0/image", value);
  const sizes = async () => {
    const { items } = await cluster.client.list(ReplicaSet, { namespace: "default" });
    const entries = items.map((one): [string, number | undefined] => [
      one.spec?.template?.spec?.containers[0]?.image ?? "",
      one.spec?.replicas,
    ]);
    return Object.fromEntries(entries);
  };
  const progressing = async () => {
    const { status } = await cluster.client.get(Deployment, at);
    const condition = status?.conditions?.find((one) => one.type === "Progressing");
    return `${condition?.status} ${condition?.reason}`;
  };
  const rollOut = async (replicas: number, change: (made: V1Deployment) => void = () => {}) => {
    const made = deployment("web", "one", replicas);
    change(made);
    await cluster.client.create(Deployment, made);
    await cluster.until(() => cluster.isRolledOut("web"));
  };

  test("undo takes the old ReplicaSet again and gives it the next revision", async () => {
    await rollOut(2);
    await image("two");
    await cluster.until(() => cluster.isRolledOut("web"));
    await image("one");
    await cluster.until(() => cluster.isRolledOut("web"));
    expect(await sizes()).toEqual({ one: 2, two: 0 });
    const { items } = await cluster.client.list(ReplicaSet, { namespace: "default" });
    const one = items.find((set) => set.spec?.replicas === 2);
    expect(one?.metadata?.annotations).toMatchObject({
      "deployment.kubernetes.io/revision": "3",
      "deployment.kubernetes.io/revision-history": "1",
    });
    expect((await cluster.client.get(Deployment, at)).metadata?.annotations).toEqual({
      "deployment.kubernetes.io/revision": "3",
    });
  });

  test("paused it keeps its template to itself, yet scales; resumed it rolls out", async () => {
    await rollOut(2);
    await set("/spec/paused", true);
    await image("two");
    await set("/spec/replicas", 4);
    await cluster.clock.advance(10_000);
    expect(await sizes()).toEqual({ one: 4 });
    expect(await progressing()).toBe("Unknown DeploymentPaused");
    await set("/spec/paused", false);
    await cluster.until(() => cluster.isRolledOut("web"));
    expect(await sizes()).toEqual({ one: 0, two: 4 });
  });

  test("a template that never gets ready runs into its deadline and keeps the old pods", async () => {
    await rollOut(3, (made) => {
      made.spec!.progressDeadlineSeconds = 30;
    });
    cluster.broken.add("two");
    await image("two");
    await cluster.clock.advance(20_000);
    expect([await sizes(), await progressing()]).toEqual([{ one: 3, two: 1 }, "True ReplicaSetUpdated"]);
    await cluster.clock.advance(20_000);
    expect([await sizes(), await progressing()]).toEqual([
      { one: 3, two: 1 },
      "False ProgressDeadlineExceeded",
    ]);
    await image("one");
    await cluster.until(() => cluster.isRolledOut("web"));
    expect(await sizes()).toEqual({ one: 3, two: 0 });
  });

  test("Recreate lets all old pods go before the first new one comes", async () => {
    await rollOut(2, (made) => {
      made.spec!.strategy = { type: "Recreate" };
    });
    await image("two");
    let both = false;
    await cluster.until(async () => {
      const { items } = await cluster.client.list(Pod, { namespace: "default" });
      both ||= new Set(items.map((pod) => pod.spec?.containers[0]?.image)).size > 1;
      return cluster.isRolledOut("web");
    });
    expect([both, await sizes()]).toEqual([false, { one: 0, two: 2 }]);
  });

  test("scaled in the middle of a rollout, the sets share in proportion", async () => {
    await rollOut(4);
    cluster.broken.add("two");
    await image("two");
    await cluster.clock.advance(5000);
    // One may surge and one may be missing: three old ones and two new ones stand still.
    expect(await sizes()).toEqual({ one: 3, two: 2 });
    await set("/spec/replicas", 8);
    await cluster.clock.advance(5000);
    expect(await sizes()).toEqual({ one: 6, two: 4 });
  });

  test("a ReplicaSet whose template was edited counts as old, and the hash gets a collision", async () => {
    await rollOut(1);
    const [first] = (await cluster.client.list(ReplicaSet, { namespace: "default" })).items;
    const edited = [{ op: "add", path: "/spec/template/metadata/annotations", value: { edited: "yes" } }];
    const there = { namespace: "default", name: first?.metadata?.name ?? "" };
    await cluster.client.patch(ReplicaSet, there, { type: "json", body: edited });
    await cluster.clock.advance(20_000);
    const { items } = await cluster.client.list(ReplicaSet, { namespace: "default" });
    expect(items.map((one) => [one.metadata?.name === there.name, one.spec?.replicas]).sort()).toEqual([
      [false, 1],
      [true, 0],
    ]);
    expect((await cluster.client.get(Deployment, at)).status?.collisionCount).toBe(1);
  });

  test("keeps as many old revisions as it was told to", async () => {
    await rollOut(1, (made) => {
      made.spec!.revisionHistoryLimit = 1;
    });
    for (const value of ["two", "three", "four"]) {
      await image(value);
      await cluster.until(() => cluster.isRolledOut("web"));
      await cluster.clock.advance(5000);
    }
    expect(await sizes()).toEqual({ three: 0, four: 1 });
  });

  test("a killed pod is replaced, a relabelled one is let go", async () => {
    await rollOut(2);
    const [first, second] = (await cluster.client.list(Pod, { namespace: "default" })).items;
    const of = (pod: V1Pod | undefined) => ({ namespace: "default", name: pod?.metadata?.name ?? "" });
    await cluster.client.delete(Pod, of(first));
    const body = { metadata: { labels: { app: "debug" } } };
    await cluster.client.patch(Pod, of(second), { type: "strategic", body });
    await cluster.clock.advance(10_000);
    const { items } = await cluster.client.list(Pod, { namespace: "default" });
    expect(
      items.map((pod) => [pod.metadata?.labels?.["app"], pod.metadata?.ownerReferences?.length ?? 0]).sort(),
    ).toEqual([
      ["debug", 0],
      ["web", 1],
      ["web", 1],
    ]);
  });

  test("nothing is written once all is as it should be", async () => {
    await rollOut(2);
    await cluster.clock.advance(5000);
    const revision = async () => (await cluster.client.list(Pod)).metadata.resourceVersion;
    const before = await revision();
    await cluster.clock.advance(600_000);
    expect(await revision()).toBe(before);
  });
});
