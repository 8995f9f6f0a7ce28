import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { VirtualClock } from "../../host/apimachinery/clock.ts";
import { service } from "../service-table/shorthand.ts";
import { endpoints, freeUdpPort, Traffic, until } from "./traffic.ts";

/** A program that answers each datagram with its name and what it was told. */
async function named(name: string): Promise<{ port: number; heard: string[]; stop(): void }> {
  const socket = createSocket("udp4");
  const heard: string[] = [];
  socket.on("message", (data, from) => {
    heard.push(String(data));
    socket.send(`${name} ${data}`, from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { port: socket.address().port, heard, stop: () => socket.close() };
}

/** A client that keeps its port, as a resolver does. */
async function asker(port: number): Promise<{ ask(text: string): Promise<string>; socket: Socket }> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const ask = async (text: string) => {
    const answer = once(socket, "message");
    socket.send(text, port, "127.0.0.1");
    return String((await answer)[0]);
  };
  return { ask, socket };
}

let traffic: Traffic;
let clock: VirtualClock;
let port: number;
const stops: (() => void)[] = [];
const dns = () => service("ns/dns", "10.96.0.10", `- UDP ${port}`, { type: "LoadBalancer" });
const slices = (ports: readonly number[]) => endpoints("dns", ports, "", "UDP");
const start = async (name: string) => {
  const one = await named(name);
  stops.push(one.stop);
  return one;
};
const client = async () => {
  const one = await asker(port);
  stops.push(() => one.socket.close());
  return one;
};

beforeEach(async () => {
  clock = new VirtualClock();
  traffic = new Traffic({}, clock);
  port = await freeUdpPort();
});
afterEach(async () => {
  await traffic.table.stop();
  for (const stop of stops.splice(0)) stop();
});

test("a client that keeps its port keeps its endpoint, and answers find their way", async () => {
  const [a, b] = [await start("a"), await start("b")];
  await traffic.put(dns(), ...slices([a.port, b.port]));
  const names = new Set<string>();
  for (let i = 0; i < 12; i++) {
    const { ask } = await client();
    const first = (await ask("1")).split(" ")[0]!;
    expect(await ask("2")).toBe(`${first} 2`);
    names.add(first);
  }
  expect(names).toEqual(new Set(["a", "b"]));
  expect(traffic.table.counts.udpFlows).toBe(12);
});

test("after the sync that removed its endpoint a client goes to another, or to none", async () => {
  const [a, b] = [await start("a"), await start("b")];
  await traffic.put(dns(), ...slices([a.port]));
  const { ask, socket } = await client();
  expect(await ask("1")).toBe("a 1");
  await traffic.put(...slices([b.port]));
  expect(await ask("2")).toBe("b 2");
  await traffic.remove(...slices([b.port]));
  socket.send("3", port, "127.0.0.1");
  // It is on its way through the kernel.
  await traffic.sync();
  await traffic.put(...slices([a.port]));
  expect(await ask("4")).toBe("a 4");
  expect([a.heard, b.heard]).toEqual([["1", "4"], ["2"]]);
});

test("flows that are silent for two minutes are ended, others are not", async () => {
  const a = await start("a");
  await traffic.put(dns(), ...slices([a.port]));
  const [quiet, busy] = [await client(), await client()];
  await quiet.ask("1");
  for (let i = 0; i < 6; i++) {
    await busy.ask("x");
    await clock.advance(30_000);
  }
  expect(traffic.table.counts.udpFlows).toBe(1);
  expect(await quiet.ask("2")).toBe("a 2");
  await clock.advance(200_000);
  expect(traffic.table.counts.udpFlows).toBe(0);
});

test("beyond the bound new flows are dropped, those that are known go on", async () => {
  await traffic.table.stop();
  traffic = new Traffic({ maxUdpFlows: 2 }, clock);
  const a = await start("a");
  await traffic.put(dns(), ...slices([a.port]));
  const [one, two, three] = [await client(), await client(), await client()];
  await one!.ask("1");
  await two!.ask("1");
  three!.socket.send("lost", port, "127.0.0.1");
  expect(await one!.ask("2")).toBe("a 2");
  expect(a.heard).toEqual(["1", "1", "2"]);
});

test("TCP and UDP of one number are two ports, and a Service that goes takes its flows along", async () => {
  const a = await start("a");
  await traffic.put(dns(), ...slices([a.port]));
  const { ask } = await client();
  await ask("1");
  expect(traffic.table.counts).toEqual({ ports: 1, connections: 0, udpFlows: 1 });
  await traffic.remove(dns());
  await until(() => traffic.table.counts.udpFlows === 0);
  expect(traffic.table.counts.ports).toBe(0);
});
