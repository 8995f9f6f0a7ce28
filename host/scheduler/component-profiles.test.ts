import { expect, test } from "vitest";
import { startVirtualApi, watchWrites } from "../../test/virtual-api.ts";
import type { CoreV1Event, V1Node, V1Pod } from "../api/generated/types.ts";
import { Event, Node, Pod } from "../api/registry.ts";
import { ApiError } from "../apimachinery/errors.ts";
import { startScheduler } from "./component.ts";

const config = {
  apiVersion: "kubescheduler.config.k8s.io/v1",
  kind: "KubeSchedulerConfiguration",
  podInitialBackoffSeconds: 60,
  podMaxBackoffSeconds: 60,
  percentageOfNodesToScore: 50,
  profiles: [
    { schedulerName: "default-scheduler" },
    {
      schedulerName: "packing",
      pluginConfig: [
        {
          name: "NodeResourcesFit",
          args: { scoringStrategy: { type: "MostAllocated", resources: [{ name: "cpu" }] } },
        },
      ],
      plugins: { score: { disabled: [{ name: "NodeResourcesBalancedAllocation" }] } },
    },
  ],
};

test("the component serves the profiles of its configuration, each under its name", async () => {
  const { clock, client, parts } = await startVirtualApi();
  const node = (name: string, cpu: string) => {
    const room = { cpu, memory: "8Gi", pods: "10" };
    return client.create<V1Node>(Node, { metadata: { name }, status: { capacity: room, allocatable: room } });
  };
  const pod = (name: string, cpu: string, more: Partial<V1Pod["spec"]> = {}) =>
    client.create<V1Pod>(Pod, {
      metadata: { name, namespace: "default" },
      spec: { containers: [{ name: "web", image: "nginx", resources: { requests: { cpu } } }], ...more },
    });
  const nodeOf = async (name: string) =>
    (await client.get<V1Pod>(Pod, { namespace: "default", name })).spec?.nodeName;
  await node("busy", "4");
  await node("free", "4");
  await pod("there", "2", { nodeName: "busy" });
  let failing = false;
  const faulty = watchWrites(client, (write) =>
    write === "createSubresource Pod" && failing ? new ApiError("InternalError", "refused") : undefined,
  );
  const scheduler = await startScheduler({ ...parts, client: faulty, thread: "caller", config });
  try {
    await pod("spread", "1");
    await pod("packed", "1", { schedulerName: "packing" });
    await pod("other", "1", { schedulerName: "somebody-else" });
    await pod("large", "4", { schedulerName: "packing" });
    await clock.advance(1_000);
    const places = await Promise.all(["spread", "packed", "other", "large"].map(nodeOf));
    expect(places).toEqual(["free", "busy", undefined, undefined]);
    const { items } = await client.list<CoreV1Event>(Event, { namespace: "default" });
    // What is bound at once is told in any order.
    expect(
      items
        .map(({ involvedObject, reason, reportingComponent }) =>
          [involvedObject.name, reason, reportingComponent].join(" "),
        )
        .sort(),
    ).toEqual([
      "large FailedScheduling packing",
      "packed Scheduled packing",
      "spread Scheduled default-scheduler",
    ]);
    // The backoff is the configuration's: a pod whose binding failed comes back after a minute.
    failing = true;
    await pod("unlucky", "1");
    await clock.advance(1_000);
    failing = false;
    await clock.advance(50_000);
    expect(await nodeOf("unlucky")).toBeUndefined();
    await clock.advance(15_000);
    expect(await nodeOf("unlucky")).toBe("free");
  } finally {
    await scheduler.stop();
  }
});
