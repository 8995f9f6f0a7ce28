// A cluster inside your own program: nothing is written to disk, nothing is left when it stops.
import { kinds, startCluster } from "pintle";

const cluster = await startCluster({ nodes: 2, seed: 7 });
await cluster.client.create(kinds.Pod, {
  metadata: { name: "web", namespace: "default" },
  spec: { containers: [{ name: "web", image: "nginx" }] },
});

const stream = cluster.client.watch(
  kinds.Pod,
  { namespace: "default" },
  {
    async onEvent(_type, pod) {
      if (pod.status?.phase !== "Running") return;
      console.log(`${pod.metadata.name} runs on ${pod.spec.nodeName} as ${pod.status.podIP}`);
      stream.cancel();
      await cluster.stop();
    },
    onEnd(error) {
      throw error ?? new Error("the watch ended early");
    },
  },
);
