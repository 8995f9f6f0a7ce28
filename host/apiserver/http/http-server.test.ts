import type { ServerResponse } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import type { ApiError } from "../../apimachinery/errors.ts";
import { ensurePki } from "../../security/pki.ts";
import { createHttpServer, type HttpServer } from "./http-server.ts";
import type { IncomingRequest, Outgoing } from "./request-handler.ts";

const pki = await ensurePki({ nowMs: Date.now() });
const tls = { ca: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
const MEBIBYTE = 1024 * 1024;

let server: HttpServer | undefined;
let port = 0;
const over: (() => void)[] = [];

afterEach(async () => {
  for (const end of over.splice(0)) end();
  await server?.close();
});

/** Of the body; or why there is none, by its reason. */
function lengthOf({ body }: IncomingRequest): Promise<number | string> | number {
  if (body === undefined) return 0;
  return body().then(
    ({ length }) => length,
    (error: ApiError) => error.status.reason ?? error.message,
  );
}

/** Paths say what is done: `/read` reads the body and answers its length, `/stay` answers with a stream, others answer at once. */
async function start(idleMs?: number, gone: string[] = []): Promise<void> {
  const handle = async (request: IncomingRequest): Promise<Outgoing | undefined> => {
    request.onGone(() => gone.push(request.url));
    if (request.url === "/stay") {
      const response = request.takeOver() as ServerResponse;
      response.writeHead(200, {});
      response.write("first");
      return undefined;
    }
    const read = request.url === "/read" ? await lengthOf(request) : "unread";
    const code = read === "unread" ? 401 : 200;
    return { headers: { "Content-Type": "text/plain" }, code, body: `${read}`, over: () => {} };
  };
  server = createHttpServer(tls, { handle, writeSliced: async () => 0 }, idleMs);
  port = await server.listen("127.0.0.1", 0);
}

function dial(): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", ca: pki.caCert, ALPNProtocols: ["http/1.1"] }, () =>
      resolve(socket),
    );
    socket.on("error", reject);
    over.push(() => socket.destroy());
  });
}

/** What comes until it holds `end`, or the connection does. */
function until(socket: TLSSocket, end: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const take = (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (!text.includes(end)) return;
      socket.off("data", take);
      resolve(text);
    };
    socket.on("data", take);
    socket.on("close", () => resolve(`${text}<closed>`));
  });
}

function openSession(): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: pki.caCert });
  session.on("error", () => {});
  over.push(() => session.destroy());
  return session;
}

function askHttp2(session: ClientHttp2Session, path: string, body?: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const head = { ":path": path, ":method": body === undefined ? "GET" : "POST" };
    const stream = session.request(head, { endStream: body === undefined });
    let text = "";
    stream.on("data", (chunk: Buffer) => {
      text += chunk;
    });
    stream.on("end", () => resolve(text));
    stream.on("error", reject);
    if (body !== undefined) stream.end(body);
  });
}

const closing = (session: ClientHttp2Session) =>
  new Promise<void>((resolve) => session.once("close", resolve));

const post = (path: string, bytes: number, more = "") =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n${more}\r\n`;

describe("an answer before the body", () => {
  test("comes over HTTP/1.1 when only the head was sent, and the connection serves the next request", async () => {
    await start();
    const socket = await dial();
    socket.write(post("/refused", 2 * MEBIBYTE));
    expect(await until(socket, "unread")).toMatch(/^HTTP\/1.1 401 /);
    socket.write(Buffer.alloc(2 * MEBIBYTE, "x"));
    socket.write(`${post("/read", 3)}abc`);
    expect(await until(socket, "\r\n\r\n3")).toMatch(/^HTTP\/1.1 200 /);
  });

  test("and the connection ends when more comes than any body may have", async () => {
    await start();
    const socket = await dial();
    socket.write(post("/refused", 8 * MEBIBYTE));
    expect(await until(socket, "unread")).toMatch(/^HTTP\/1.1 401 /);
    const end = until(socket, "nothing");
    socket.on("error", () => {});
    socket.write(Buffer.alloc(4 * MEBIBYTE, "x"));
    expect(await end).toBe("<closed>");
  });

  test("comes over HTTP/2, and the session goes on", async () => {
    await start();
    const session = openSession();
    expect(await askHttp2(session, "/refused", Buffer.alloc(3 * MEBIBYTE))).toBe("unread");
    expect(await askHttp2(session, "/read", Buffer.alloc(3 * MEBIBYTE))).toBe(`${3 * MEBIBYTE}`);
  });

  test("a client that waits to be told is told only by who reads", async () => {
    await start();
    const expecting = "Expect: 100-continue\r\n";
    const refused = await dial();
    refused.write(post("/refused", 3, expecting));
    expect(await until(refused, "unread")).toMatch(/^HTTP\/1.1 401 [\s\S]*Connection: close/);
    const read = await dial();
    read.write(post("/read", 3, expecting));
    expect(await until(read, "\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    read.write("abc");
    expect(await until(read, "\r\n\r\n3")).toMatch(/^HTTP\/1.1 200 /);
  });
});

describe("bodies that do not come whole", () => {
  test("take so much room of one connection, and give it back", async () => {
    await start();
    const session = openSession();
    const begin = () =>
      session.request({ ":path": "/read", ":method": "POST" }, { endStream: false }).on("error", () => {});
    const answers: string[] = [];
    const streams = Array.from({ length: 16 }, () => {
      const stream = begin();
      stream.on("data", (chunk: Buffer) => answers.push(String(chunk)));
      stream.write(Buffer.alloc(2.5 * MEBIBYTE));
      return stream;
    });
    await expect.poll(() => answers.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(3);
    expect(new Set(answers)).toEqual(new Set(["TooManyRequests"]));
    // Others have room, and so has this one when it has let go of what it began.
    expect(await askHttp2(openSession(), "/read", Buffer.alloc(MEBIBYTE))).toBe(`${MEBIBYTE}`);
    for (const stream of streams) stream.close();
    await expect.poll(() => askHttp2(session, "/read", Buffer.alloc(3 * MEBIBYTE))).toBe(`${3 * MEBIBYTE}`);
  });
});

test("whoever asks to be told of the end of what has ended is told", async () => {
  const gone: string[] = [];
  await start(undefined, gone);
  const session = openSession();
  const stream = session.request({ ":path": "/stay" });
  stream.on("error", () => {});
  await new Promise((resolve) => stream.once("data", resolve));
  expect(gone).toEqual([]);
  stream.close();
  await expect.poll(() => gone).toEqual(["/stay"]);
});

describe("an idle session", () => {
  test("is closed, also when a body keeps it that never comes; one with a quiet watch is not", async () => {
    await start(50);
    const watching = openSession();
    let isOver = false;
    watching.once("close", () => {
      isOver = true;
    });
    const watch = watching.request({ ":path": "/stay" });
    await new Promise((resolve) => watch.once("data", resolve));
    const idle = openSession();
    expect(await askHttp2(idle, "/read")).toBe("0");
    const stalled = openSession();
    stalled
      .request({ ":path": "/read", ":method": "POST" }, { endStream: false })
      .on("error", () => {})
      .write("x");
    await Promise.all([closing(idle), closing(stalled)]);
    expect(isOver).toBe(false);
    watch.close();
    await closing(watching);
  });
});
