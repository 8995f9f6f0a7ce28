import { afterEach, beforeEach, expect, test } from "vitest";
import { VirtualClock } from "../../host/apimachinery/clock.ts";
import { ask, balanced, endpoints, freePorts, named, type Program, program, Traffic } from "./traffic.ts";

let traffic: Traffic;
let clock: VirtualClock;
let a: Program;
let b: Program;
let ports: [number, number];

beforeEach(async () => {
  clock = new VirtualClock();
  traffic = new Traffic({}, clock);
  [a, b] = [await named("a"), await named("b")];
  ports = (await freePorts(2)) as [number, number];
});
afterEach(async () => {
  await traffic.table.stop();
  for (const one of [a, b]) await one.stop();
});

test("a port in use is said once, others work, and it is opened when it becomes free", async () => {
  const holder = await program(() => {});
  await traffic.put(balanced("taken", holder.port), ...endpoints("taken", [a.port]));
  await traffic.put(balanced("free", ports[0]), ...endpoints("free", [b.port]));
  expect(traffic.refused).toEqual([`ns/taken: 127.0.0.1:${holder.port}/TCP is in use by another program`]);
  expect(traffic.balancers.get("ns/taken")).toBe("closed");
  expect(await ask(ports[0])).toBe("b");
  for (let i = 0; i < 3; i++) {
    await clock.advance(30_000);
    await traffic.sync();
  }
  expect(traffic.refused).toHaveLength(1);
  await holder.stop();
  await clock.advance(30_000);
  await traffic.sync();
  expect(await ask(holder.port)).toBe("a");
  expect(traffic.balancers.get("ns/taken")).toBe("open");
});

test("of two Services with one port the first has it, and when it goes the other", async () => {
  const first = balanced("z-first", ports[0]);
  await traffic.put(first, ...endpoints("z-first", [a.port]));
  await traffic.put(balanced("a-second", ports[0]), ...endpoints("a-second", [b.port]));
  expect(traffic.refused).toEqual([
    `ns/a-second: 127.0.0.1:${ports[0]}/TCP is in use by Service "ns/z-first"`,
  ]);
  expect([...traffic.balancers]).toEqual([
    ["ns/z-first", "open"],
    ["ns/a-second", "closed"],
  ]);
  expect(await ask(ports[0])).toBe("a");
  await traffic.remove(first);
  expect(await ask(ports[0])).toBe("b");
  expect([...traffic.balancers]).toEqual([
    ["ns/z-first", undefined],
    ["ns/a-second", "open"],
  ]);
});

test("a port that changes is closed, and the new one opened", async () => {
  const web = balanced("web", ports[0]);
  await traffic.put(web, ...endpoints("web", [a.port]));
  await traffic.put({ ...web, spec: { ...web.spec, ports: [{ port: ports[1], protocol: "TCP" }] } });
  expect([await ask(ports[0]), await ask(ports[1])]).toEqual(["ECONNREFUSED", "a"]);
  await traffic.put({ ...web, spec: { ...web.spec, type: "ClusterIP" } });
  expect(await ask(ports[0])).toBe("ECONNREFUSED");
});

test("a Service of another class of load balancers, or of type ClusterIP, opens nothing", async () => {
  await traffic.put(
    balanced("classy", ports[0], { loadBalancerClass: "example.com/other" }),
    balanced("inner", ports[1], { type: "ClusterIP" }),
    ...endpoints("classy", [a.port]),
    ...endpoints("inner", [a.port]),
  );
  expect([await ask(ports[0]), await ask(ports[1])]).toEqual(["ECONNREFUSED", "ECONNREFUSED"]);
  expect(traffic.table.counts.ports).toBe(0);
});

test("source ranges hold for the load balancer's port", async () => {
  await traffic.put(
    balanced("web", ports[0], { loadBalancerSourceRanges: ["127.0.0.2/32"] }),
    ...endpoints("web", [a.port]),
  );
  expect([await ask(ports[0], "127.0.0.2"), await ask(ports[0])]).toEqual(["a", "ECONNRESET"]);
});

test("a Service that comes and goes a thousand times leaves one socket, or none", async () => {
  const web = balanced("web", ports[0]);
  traffic.note(...endpoints("web", [a.port]));
  for (let i = 0; i < 1_000; i++) {
    traffic.note(web);
    if (i % 10 === 0) await traffic.table.sync(traffic.models, false);
    traffic.forget(web);
    if (i % 7 === 0) await traffic.table.sync(traffic.models, false);
  }
  await traffic.sync();
  expect(await ask(ports[0])).toBe("ECONNREFUSED");
  expect(traffic.table.counts.ports).toBe(0);
  await traffic.put(web);
  expect(await ask(ports[0])).toBe("a");
  expect(traffic.refused).toEqual([]);
});

test("what the API server would refuse does no harm", async () => {
  const bad = balanced("bad", ports[0]);
  await traffic.put(
    { ...bad, spec: { ...bad.spec, ports: [{ port: 99_999 }, { port: -1, nodePort: 7e9 }] } },
    { ...bad, metadata: { namespace: "ns", name: "no spec" }, spec: undefined },
    ...endpoints("bad", [a.port]),
    { metadata: { namespace: "ns", name: "x" }, addressType: "IPv4", endpoints: [{ addresses: ["::"] }] },
    { metadata: { namespace: "ns", name: "y" }, addressType: "IPv4", endpoints: [] },
  );
  expect(traffic.table.counts.ports).toBe(0);
  await traffic.put(balanced("good", ports[1]), ...endpoints("good", [b.port, b.port]));
  expect(await ask(ports[1])).toBe("b");
});
