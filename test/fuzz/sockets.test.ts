import { connect as connectHttp2 } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ConfigMap, Namespace } from "../../host/api/registry.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import type { ApiServer } from "../../host/apiserver/server.ts";
import { askHttp2, startServer } from "../../host/apiserver/server-fixture.ts";
import { ensurePki } from "../../host/security/pki.ts";
import { createMemoryStore } from "../../host/store/memory-store.ts";
import { Draw } from "../reference/generator/draw.ts";

/** Connections that nobody means well with. Whatever they do, another client's request is answered. */
const pki = await ensurePki({ nowMs: Date.now() });
let server: ApiServer;
const opened: TLSSocket[] = [];

beforeAll(async () => {
  const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
  server = await startServer(createMemoryStore(), tls);
  await server.client("test").create(Namespace, { metadata: { name: "fuzz" } });
});
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});
afterAll(() => server.stop());

function dial(): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(
      { host: hostname, port: Number(port), ca: pki.caCert, ALPNProtocols: ["http/1.1"], ...pki.admin },
      () => resolve(socket),
    );
    // The server may hang up at any time; that is its right.
    socket.on("error", reject);
    opened.push(socket);
  });
}

/** Sends bytes as they are. @returns what came back until the end, or until nothing more came for a while */
async function exchange(bytes: string | Buffer, patienceMs = 300): Promise<string> {
  const socket = await dial();
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  socket.write(bytes);
  for (let quietMs = 0, size = 0; quietMs < patienceMs && !socket.destroyed; quietMs += 20) {
    await delay(20);
    if (text.length !== size) quietMs = 0;
    size = text.length;
  }
  return text;
}

async function stillServes(): Promise<void> {
  const { code } = await askHttp2(server, pki.caCert, { path: "/api/v1/namespaces/fuzz" }, pki.admin);
  expect(code).toBe(200);
}

const GET = "GET /api/v1/namespaces/fuzz HTTP/1.1\r\nHost: x\r\n";

describe("bytes that are not a request", () => {
  test.each([
    ["nothing a parser knows", "\x00\x01\x02\xff\r\n\r\n", 400],
    ["a method that is none", "M\u00e4h / HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a version that is none", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400],
    ["two lengths", `${GET}Content-Length: 1\r\nContent-Length: 2\r\n\r\na`, 400],
    ["a length that is negative", `${GET}Content-Length: -1\r\n\r\n`, 400],
    ["a length and chunks", `${GET}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    [
      "a chunk without end",
      `POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      400,
    ],
    ["a header in the path", "GET /a\r\nb HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a flood of headers", `${GET}${"x: y\r\n".repeat(50_000)}\r\n`, 431],
    ["one huge header", `${GET}x: ${"y".repeat(200_000)}\r\n\r\n`, 431],
    ["a huge path", `GET /${"a".repeat(200_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
  ])("%s: %#", async (_name, bytes, code) => {
    const text = await exchange(Buffer.from(bytes, "latin1"));
    expect(text === "" ? code : Number(text.slice(9, 12))).toBe(code);
    expect(text).not.toMatch(/\n {4}at /);
    await stillServes();
  });

  test("chance", async () => {
    const draw = new Draw(seededRandom(1));
    for (let i = 0; i < 40; i++) {
      const valid = Buffer.from(`${GET}Content-Type: application/json\r\n\r\n`);
      const bytes = draw.chance(50)
        ? Buffer.from(Array.from({ length: 200 }, () => draw.below(256)))
        : valid.map((byte) => (draw.chance(5) ? draw.below(256) : byte));
      await exchange(Buffer.from(bytes), 40);
    }
    await stillServes();
  });

  test("an upgrade to something nobody speaks is answered as a request", async () => {
    const upgrade = "Connection: Upgrade\r\nUpgrade: nonsense\r\nSec-WebSocket-Key: x\r\n\r\n";
    const text = await exchange(`${GET}${upgrade}`);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe("clients that take their time", () => {
  test("two hundred that send a header and then nothing hinder nobody", async () => {
    for (let i = 0; i < 200; i++) (await dial()).write("GET /api/v1/namespaces HTTP/1.1\r\nX: ");
    await stillServes();
  });

  test("bodies that never end hinder nobody", async () => {
    for (let i = 0; i < 50; i++) {
      const socket = await dial();
      socket.write(
        "POST /api/v1/namespaces/fuzz/configmaps HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{",
      );
    }
    await stillServes();
  });

  test("a client that reads nothing of a large answer hinders nobody", async () => {
    const client = server.client("test");
    for (let i = 0; i < 20; i++)
      await client.create(ConfigMap, {
        metadata: { name: `big-${i}`, namespace: "fuzz" },
        data: { a: "x".repeat(500_000) },
      });
    for (let i = 0; i < 20; i++) {
      const socket = await dial();
      socket.pause();
      socket.write("GET /api/v1/namespaces/fuzz/configmaps HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    await delay(200);
    await stillServes();
  });

  test("half-open watches are let go", async () => {
    for (let i = 0; i < 50; i++) {
      const socket = await dial();
      socket.write("GET /api/v1/namespaces/fuzz/secrets?watch=true HTTP/1.1\r\nHost: x\r\n\r\n");
      await new Promise((resolve) => socket.once("data", resolve));
      socket.destroy();
    }
    await stillServes();
  });

  test("streams that are reset at once hinder nobody", async () => {
    const session = connectHttp2(server.url, { ca: pki.caCert, ...pki.admin });
    // The server may end a session that does nothing else; then the rest of it was not needed.
    session.on("error", () => {});
    for (let i = 0; i < 2_000 && !session.destroyed; i++) {
      const stream = session.request({ ":path": "/api/v1/namespaces/fuzz/configmaps" });
      stream.on("error", () => {});
      stream.close(8);
    }
    await delay(100);
    session.destroy();
    await stillServes();
  });
});
