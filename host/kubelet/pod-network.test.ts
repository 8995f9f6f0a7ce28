import { once } from "node:events";
import { request } from "node:http";
import type { Duplex } from "node:stream";
import { beforeEach, expect, test } from "vitest";
import type { V1Pod } from "../api/generated/types.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import type { Dialer } from "../apimachinery/dialer.ts";
import { PodNetwork } from "./pod-network.ts";

/** `pod("web 10.128.0.2 Running")`, `pod("web 10.128.0.2 Running terminating")` */
function pod(words: string): V1Pod {
  const [name, podIP, phase, terminating] = words.split(" ");
  return {
    metadata: {
      namespace: "default",
      name,
      uid: `uid of ${name}`,
      ...(terminating === undefined ? {} : { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    },
    spec: { nodeName: "node-1", containers: [{ name: "main", image: "nginx:1" }] },
    status: { phase, podIP },
  };
}

const elsewhere: Dialer = {
  connect: async (address) => {
    throw new Error(`elsewhere: ${address}`);
  },
  openDatagrams: (address) => {
    throw new Error(`elsewhere: ${address}`);
  },
};

let clock = new VirtualClock();
beforeEach(() => {
  clock = new VirtualClock();
});

function networkOf(...pods: V1Pod[]): { network: PodNetwork; dialer: Dialer } {
  const network = new PodNetwork(clock);
  network.addRange("10.128.0.0/24");
  for (const one of pods) network.put(one);
  return { network, dialer: network.dialer(elsewhere) };
}

/** Asks over a connection, and leaves it open. */
async function get(connection: Duplex, method = "GET") {
  const asking = request({ path: "/x", method, createConnection: () => connection, agent: undefined });
  asking.setHeader("Connection", "keep-alive");
  asking.end();
  const [response] = (await once(asking, "response")) as [import("node:http").IncomingMessage];
  let text = "";
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, connection: response.headers.connection, text };
}

test("a pod that runs answers with its name and node, on any port", async () => {
  const { dialer, network } = networkOf(pod("web 10.128.0.2 Running"));
  for (const port of [80, 8443]) {
    const { status, connection, text } = await get(await dialer.connect("10.128.0.2", port));
    expect({ status, connection }).toEqual({ status: 200, connection: "keep-alive" });
    expect(text).toMatch(/^Hello from pod default\/web on node node-1\.\n/);
    expect(text).toContain(`GET /x at 10.128.0.2:${port}`);
  }
  expect((await get(await dialer.connect("10.128.0.2", 80), "HEAD")).text).toBe("");
  network.stop();
});

test.each([
  { pods: [], why: "an address that no pod has" },
  { pods: ["web 10.128.0.2 Pending"], why: "a pod that does not run yet" },
  { pods: ["web 10.128.0.2 Running", "web 10.128.0.2 Succeeded"], why: "a pod that has ended" },
])("refuses for $why", async ({ pods }) => {
  const { dialer } = networkOf(...pods.map(pod));
  await expect(dialer.connect("10.128.0.2", 80)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("leaves other addresses to somebody else", async () => {
  const { dialer } = networkOf();
  await expect(dialer.connect("10.128.1.2", 80)).rejects.toThrow("elsewhere: 10.128.1.2");
  await expect(dialer.connect("fd00::1", 80)).rejects.toThrow("elsewhere: fd00::1");
});

test("a pod that is deleted asks to be left while it stops, then ends its connections", async () => {
  const { dialer, network } = networkOf(pod("web 10.128.0.2 Running"));
  const connection = await dialer.connect("10.128.0.2", 80);
  connection.on("error", () => {});
  expect((await get(connection)).connection).toBe("keep-alive");
  network.put(pod("web 10.128.0.2 Running terminating"));
  expect((await get(connection)).connection).toBe("close");
  const idle = await dialer.connect("10.128.0.2", 80);
  idle.resume();
  network.remove(pod("web 10.128.0.2 Running terminating"));
  await once(idle, "end");
  await expect(dialer.connect("10.128.0.2", 80)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("an address that goes to a new pod is that one's", async () => {
  const { dialer, network } = networkOf(pod("old 10.128.0.2 Running"));
  network.put(pod("old 10.128.0.2 Failed"));
  network.put(pod("new 10.128.0.2 Running"));
  network.remove(pod("old 10.128.0.2 Failed"));
  expect((await get(await dialer.connect("10.128.0.2", 80))).text).toContain("default/new");
  network.stop();
});

test("answers a datagram with a line, and nobody answers for a pod that is gone", async () => {
  const { dialer, network } = networkOf(pod("dns 10.128.0.2 Running"));
  const heard: string[] = [];
  const channel = dialer.openDatagrams("10.128.0.2", 53, (data) => heard.push(String(data)));
  channel.send(Buffer.from("?"));
  network.remove(pod("dns 10.128.0.2 Running"));
  channel.send(Buffer.from("?"));
  channel.close();
  expect(heard).toEqual(["Hello from pod default/dns on node node-1.\n"]);
});

test("a connection over which nothing has been asked for a while is ended; one that is used is not", async () => {
  const { dialer, network } = networkOf(pod("web 10.128.0.2 Running"));
  const connection = await dialer.connect("10.128.0.2", 80);
  connection.on("error", () => {});
  for (let i = 0; i < 3; i++) {
    expect((await get(connection)).status).toBe(200);
    await clock.advance(70_000);
  }
  expect(connection.destroyed).toBe(false);
  const ended = once(connection, "close");
  await clock.advance(10_000);
  await ended;
  network.stop();
});
