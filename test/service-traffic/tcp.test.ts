import { execFileSync } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ask,
  balanced,
  client,
  endpoints,
  freePorts,
  heard,
  named,
  type Program,
  program,
  Traffic,
  until,
} from "./traffic.ts";

/** Four file descriptors each, in this process: as many as it may have, up to the bound. */
const MOST = Math.floor((Number(execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" })) - 500) / 4);
const MANY = process.env["SOAK"] === "1" ? Math.min(65_000, MOST || 65_000) : 400;

describe("a LoadBalancer Service's port", () => {
  let traffic: Traffic;
  let port: number;
  let programs: Program[];
  const start = async (made: Promise<Program>) => {
    const one = await made;
    programs.push(one);
    return one;
  };

  beforeEach(async () => {
    traffic = new Traffic();
    programs = [];
    [port] = (await freePorts(1)) as [number];
  });
  afterEach(async () => {
    await traffic.table.stop();
    for (const one of programs) await one.stop();
  });

  test("leads to all endpoints, by the table's choice, and its node port too", async () => {
    const [a, b, nodePort] = [await start(named("a")), await start(named("b")), (await freePorts(1))[0]!];
    const web = balanced("web", port);
    web.spec!.ports![0]!.nodePort = nodePort;
    await traffic.put(web, ...endpoints("web", [a.port, b.port]));
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(i % 2 ? port : nodePort)));
    expect(new Set(answers)).toEqual(new Set(["a", "b"]));
    expect(traffic.balancers.get("ns/web")).toBe("open");
  });

  test("never leads to an endpoint after the sync that removed it, while others come and go", async () => {
    const all = await Promise.all(["a", "b", "c"].map((name) => start(named(name))));
    await traffic.put(
      balanced("web", port),
      ...endpoints(
        "web",
        all.map((one) => one.port),
      ),
    );
    for (let round = 0; round < 12; round++) {
      const [gone, ...rest] = [...all.slice(round % 3), ...all.slice(0, round % 3)];
      const asking = Promise.all(Array.from({ length: 8 }, () => ask(port)));
      traffic.forget(...endpoints("web", [1, 2, 3]));
      traffic.note(
        ...endpoints(
          "web",
          rest.map((one) => one.port),
        ),
      );
      await traffic.table.sync(traffic.models, false);
      expect((await asking).every((answer) => /^[abc]$/.test(answer))).toBe(true);
      const before = gone!.count;
      const answers = await Promise.all(Array.from({ length: 12 }, () => ask(port)));
      expect(answers.every((answer) => /^[abc]$/.test(answer))).toBe(true);
      expect(gone!.count).toBe(before);
    }
  });

  test("with no endpoint, or none that is not refusing, resets the connection", async () => {
    await traffic.put(balanced("web", port));
    expect(await ask(port)).toBe("ECONNRESET");
    await traffic.put(...endpoints("web", await freePorts(2)));
    expect(await ask(port)).toBe("ECONNRESET");
  });

  test("tries another endpoint where one refuses", async () => {
    const [a, [closed]] = [await start(named("a")), await freePorts(1)];
    await traffic.put(balanced("web", port), ...endpoints("web", [a.port, closed!]));
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(port)));
    expect(new Set(answers)).toEqual(new Set(["a"]));
  });

  test("with session affinity, keeps a client at its endpoint, each by its own address", async () => {
    const all = await Promise.all(["a", "b", "c", "d"].map((name) => start(named(name))));
    const web = balanced("web", port, { sessionAffinity: "ClientIP" });
    await traffic.put(
      web,
      ...endpoints(
        "web",
        all.map((one) => one.port),
      ),
    );
    const chosen = new Set<string>();
    for (let i = 2; i < 12; i++) {
      const answers = await Promise.all(Array.from({ length: 5 }, () => ask(port, `127.0.0.${i}`)));
      expect(new Set(answers).size).toBe(1);
      chosen.add(answers[0]!);
    }
    expect(chosen.size).toBeGreaterThan(1);
  });

  test("serves a terminating endpoint only where no other is ready, and what it has goes on", async () => {
    const a = await start(program((socket) => socket.on("data", (data) => socket.end(`a ${data}`))));
    const b = await start(named("b"));
    await traffic.put(balanced("web", port), ...endpoints("web", [a.port]));
    const held = client(port);
    await until(() => a.sockets.size === 1);
    await traffic.put(...endpoints("web", [a.port], "terminating serving"));
    const other = client(port);
    other.write("last");
    expect(await heard(other)).toBe("a last");
    const [stays] = endpoints("web", [b.port]);
    await traffic.put({ ...stays!, metadata: { ...stays!.metadata, name: "web-2" } });
    expect(new Set(await Promise.all(Array.from({ length: 10 }, () => ask(port))))).toEqual(new Set(["b"]));
    held.write("late");
    expect(await heard(held)).toBe("a late");
  });

  test("keeps half of a connection open when the other half has ended", async () => {
    const a = await start(
      program((socket) => {
        let text = "";
        socket.on("data", (data) => {
          text += data;
        });
        socket.on("end", () => socket.end(`heard ${text}`));
      }),
    );
    await traffic.put(balanced("web", port), ...endpoints("web", [a.port]));
    const asking = client(port);
    asking.write("one ");
    asking.end("two");
    expect(await heard(asking)).toBe("heard one two");
    // The endpoint ends first, and still listens.
    let late = "";
    const b = await start(
      program((socket) => {
        socket.end("bye");
        socket.on("data", (data) => {
          late += data;
        });
      }),
    );
    await traffic.put(...endpoints("web", [b.port]));
    const talking = client(port);
    talking.resume();
    await once(talking, "end");
    talking.end("still here");
    await until(() => late === "still here" && traffic.table.counts.connections === 0);
  });

  test("does not read on for a client that does not: memory is bounded", async () => {
    const chunk = Buffer.alloc(1 << 16, 1);
    let sent = 0;
    const a = await start(
      program((socket) => {
        const more = () => {
          while (sent < 1 << 28 && socket.write(chunk)) sent += chunk.length;
        };
        socket.on("drain", more);
        more();
      }),
    );
    await traffic.put(balanced("web", port), ...endpoints("web", [a.port]));
    const slow = client(port);
    slow.pause();
    let before = -1;
    await until(() => {
      const stands = sent > 0 && sent === before;
      before = sent;
      return stands;
    });
    // What buffers of the kernel take, on four sockets, and a little of ours: far from the 256 MiB.
    expect(sent).toBeLessThan(1 << 26);
    let got = 0;
    slow.on("data", (data) => {
      got += data.length;
    });
    slow.resume();
    await until(() => got > sent - (1 << 24) && got > 1 << 26);
    slow.destroy();
    await until(() => a.sockets.size === 0 && traffic.table.counts.connections === 0);
  });

  test.each([
    { who: "the client", breakOff: "client" },
    { who: "the endpoint", breakOff: "endpoint" },
  ])("where $who breaks off, the other is told, and no socket is left", async ({ breakOff }) => {
    const a = await start(program((socket) => socket.write("hello")));
    await traffic.put(balanced("web", port), ...endpoints("web", [a.port]));
    const held = client(port);
    await once(held, "data");
    const answer = heard(held);
    if (breakOff === "client") held.resetAndDestroy();
    else for (const socket of a.sockets) socket.resetAndDestroy();
    expect(await answer).toBe(breakOff === "client" ? "" : "ECONNRESET");
    await until(() => a.sockets.size === 0 && traffic.table.counts.connections === 0);
  });

  test("what was sent before the end arrives, however slowly it is read", async () => {
    const text = "x".repeat(4 << 20);
    const a = await start(program((socket) => socket.end(text)));
    await traffic.put(balanced("web", port), ...endpoints("web", [a.port]));
    const answers = await Promise.all(Array.from({ length: 4 }, () => ask(port)));
    expect(answers.map((answer) => answer.length)).toEqual([4 << 20, 4 << 20, 4 << 20, 4 << 20]);
  });

  test("connections beyond the bound are reset, and those within are not touched", async () => {
    await traffic.table.stop();
    traffic = new Traffic({ maxConnections: 5 });
    const a = await start(program((socket) => socket.write("hello")));
    await traffic.put(balanced("web", port), ...endpoints("web", [a.port]));
    const held = Array.from({ length: 5 }, () => client(port));
    await Promise.all(held.map((one) => once(one, "data")));
    expect(await ask(port)).toBe("ECONNRESET");
    held.pop()!.resetAndDestroy();
    await until(() => traffic.table.counts.connections === 4);
    const next = client(port);
    await once(next, "data");
    for (const one of [...held, next]) expect(one.destroyed).toBe(false);
    for (const one of [...held, next]) one.destroy();
  });

  test("many connections at once: each gets its own answer, and none is left", {
    timeout: 300_000,
  }, async () => {
    const echoes = await Promise.all(
      [1, 2, 3, 4].map(() => start(program((socket) => socket.on("data", (data) => socket.end(data))))),
    );
    await traffic.put(
      balanced("web", port),
      ...endpoints(
        "web",
        echoes.map((one) => one.port),
      ),
    );
    const held: Socket[] = [];
    while (held.length < MANY) {
      // A client address has 28,000 ports.
      const some = Array.from({ length: Math.min(200, MANY - held.length) }, (_, i) =>
        client(port, `127.0.0.${2 + Math.floor((held.length + i) / 20_000)}`),
      );
      await Promise.all(some.map((one) => once(one, "connect")));
      held.push(...some);
    }
    await until(() => echoes.reduce((sum, one) => sum + one.sockets.size, 0) === MANY);
    expect(traffic.table.counts.connections).toBe(MANY);
    const answers = held.map(heard);
    for (const [i, one] of held.entries()) one.write(`${i}`);
    expect(await Promise.all(answers)).toEqual(held.map((_, i) => `${i}`));
    await until(() => traffic.table.counts.connections === 0);
  });

  test("a Service that goes takes its port along, not its connections", async () => {
    const a = await start(program((socket) => socket.on("data", (data) => socket.end(data))));
    const web = balanced("web", port);
    await traffic.put(web, ...endpoints("web", [a.port]));
    const held = client(port);
    await until(() => a.sockets.size === 1);
    await traffic.remove(web);
    expect(await ask(port)).toBe("ECONNREFUSED");
    held.write("echo");
    expect(await heard(held)).toBe("echo");
  });

  test("stopped, it leaves nothing open", async () => {
    const a = await start(program((socket) => socket.write("hello")));
    await traffic.put(balanced("web", port), ...endpoints("web", [a.port]));
    const held = client(port);
    await once(held, "data");
    const answer = heard(held);
    await traffic.table.stop();
    expect(await answer).toBe("ECONNRESET");
    expect(await ask(port)).toBe("ECONNREFUSED");
    await until(() => a.sockets.size === 0);
    expect(traffic.table.counts).toEqual({ ports: 0, connections: 0, udpFlows: 0 });
  });
});
