import { expect, test } from "vitest";
import type { V1Node, V1Pod } from "../../host/api/generated/types.ts";
import { Node, Pod, PriorityClass } from "../../host/api/registry.ts";
import { isReason } from "../../host/apimachinery/errors.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { startScheduler } from "../../host/scheduler/component.ts";
import { startVirtualApi } from "../virtual-api.ts";

/**
 * An auditor of the scheduler under churn: nodes flap, pods of several priorities come and go. It believes only what the API
 * shows, and counts for itself: at every binding the node has room, and pods that will not share a node do not. At the end
 * every pod is bound or says why not. `SOAK=1` runs an hour of cluster time, else two minutes.
 */
const SECONDS = process.env["SOAK"] === "1" ? 3_600 : 120;
const CPU = 4_000;

test(`no node is overcommitted, no constraint broken and no pod lost in ${SECONDS} s of churn`, {
  timeout: SECONDS * 1_000,
}, async () => {
  const { clock, client, parts } = await startVirtualApi();
  const draw = seededRandom(11);
  for (const [name, value] of [
    ["low", 1],
    ["high", 100],
  ] as const)
    await client.create(PriorityClass, { metadata: { name }, value });
  const faults: string[] = [];
  const bound = new Map<string, V1Pod>();
  const names = new Set<string>();
  const cpuOf = ({ spec }: V1Pod) => Number.parseInt(spec!.containers[0]!.resources!.requests!["cpu"]!, 10);
  const isAlone = ({ metadata }: V1Pod) => metadata?.labels?.["alone"] === "yes";
  let bindings = 0;
  const audit = (pod: V1Pod) => {
    const name = pod.metadata!.name!;
    if (!pod.spec?.nodeName || bound.has(name)) return;
    bindings++;
    bound.set(name, pod);
    const there = [...bound.values()].filter((one) => one.spec!.nodeName === pod.spec!.nodeName);
    const used = there.reduce((sum, one) => sum + cpuOf(one), 0);
    if (used > CPU) faults.push(`${name}: ${pod.spec.nodeName} holds ${used}m`);
    if (there.filter(isAlone).length > 1) faults.push(`${name}: not alone on ${pod.spec.nodeName}`);
  };
  const stream = client.watch<V1Pod>(
    Pod,
    {},
    {
      onEvent: (type, pod) => {
        if (type === "DELETED") {
          bound.delete(pod.metadata!.name!);
          names.delete(pod.metadata!.name!);
        }
        if (type === "ADDED" || type === "MODIFIED") audit(pod);
      },
      onEnd: () => {},
    },
  );
  const scheduler = await startScheduler({ ...parts, client, thread: "caller", ties: "random" });
  const node = (i: number) => {
    const room = { cpu: `${CPU}m`, memory: "64Gi", pods: "110" };
    const name = `n${i}`;
    return client.create<V1Node>(Node, {
      metadata: { name, labels: { "kubernetes.io/hostname": name } },
      status: { capacity: room, allocatable: room },
    });
  };
  const apart = {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { alone: "yes" } } },
      ],
    },
  };
  const remove = async (name: string) => {
    names.delete(name);
    try {
      await client.delete(Pod, { namespace: "default", name }, { gracePeriodSeconds: 0 });
    } catch (error) {
      // A victim that had not begun to run is gone at once.
      if (!isReason(error, "NotFound")) throw error;
    }
  };
  const nodes = new Set<number>();
  for (let i = 0; i < 6; i++) {
    nodes.add(i);
    await node(i);
  }
  const pick = <T>(values: Iterable<T>) => [...values][draw.below([...values].length)]!;
  for (let second = 0; second < SECONDS; second++) {
    for (let i = draw.below(3); i > 0; i--) {
      const name = `p${second}-${i}`;
      names.add(name);
      const alone = draw.below(4) === 0;
      await client.create<V1Pod>(Pod, {
        metadata: { name, namespace: "default", ...(alone ? { labels: { alone: "yes" } } : {}) },
        spec: {
          priorityClassName: draw.below(3) === 0 ? "high" : "low",
          containers: [
            { name: "c", image: "i", resources: { requests: { cpu: `${250 * (1 + draw.below(8))}m` } } },
          ],
          ...(alone ? { affinity: apart } : {}),
        },
      });
    }
    // The kubelet's part: what is being deleted goes; and pods end.
    const { items } = await client.list<V1Pod>(Pod);
    const leaving = items.filter((one) => one.metadata?.deletionTimestamp !== undefined);
    const ending = names.size > 30 ? [pick(names), pick(names)] : [];
    for (const name of new Set([...leaving.map((one) => one.metadata!.name!), ...ending])) await remove(name);
    if (draw.below(15) === 0) {
      const i = draw.below(6);
      if (!nodes.has(i)) await node(i);
      else {
        // A node that goes takes its pods with it, before it may come back.
        await client.delete(Node, { name: `n${i}` });
        await clock.advance(10);
        for (const [name, pod] of [...bound]) if (pod.spec!.nodeName === `n${i}`) await remove(name);
      }
      if (!nodes.delete(i)) nodes.add(i);
    }
    await clock.advance(1_000);
  }
  await clock.advance(20_000);
  const left = (await client.list<V1Pod>(Pod)).items;
  const silent = left.filter(
    ({ spec, status }) =>
      !spec?.nodeName && !status?.conditions?.some(({ type, message }) => type === "PodScheduled" && message),
  );
  stream.cancel();
  await scheduler.stop();
  expect(faults).toEqual([]);
  expect(silent.map(({ metadata }) => metadata?.name)).toEqual([]);
  expect(left).toHaveLength(names.size);
  expect(bindings).toBeGreaterThan(SECONDS / 4);
});
