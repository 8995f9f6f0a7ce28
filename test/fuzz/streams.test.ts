import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Node, Pod, ServiceAccount } from "../../host/api/registry.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import type { ApiServer } from "../../host/apiserver/server.ts";
import { askHttp2, startServer } from "../../host/apiserver/server-fixture.ts";
import { ensurePki } from "../../host/security/pki.ts";
import { createMemoryStore } from "../../host/store/memory-store.ts";
import { Draw } from "../reference/generator/draw.ts";
import { hostileFrames } from "./websocket-frames.ts";

/**
 * `exec`, `attach` and `port-forward` whose client and whose kubelet both send what no WebSocket may. The server hands the
 * bytes through and reads none of them: each side gets what the other sent, and an end of one is an end of both.
 */
const SEED = 11;
const STREAMS = process.env["SOAK"] === "1" ? 2_000 : 40;
const pki = await ensurePki({ nowMs: Date.now() });
const draw = new Draw(seededRandom(SEED));
const POD = "/api/v1/namespaces/default/pods/web";
const PATHS = [
  `${POD}/exec?command=sh&stdin=true`,
  `${POD}/attach?stdin=true`,
  `${POD}/portforward?ports=80`,
];

let server: ApiServer;
let kubelet: Server;
/** What the kubelet sends at once on the next stream; and its ends of all: what each was sent, and whether it is over. */
let answer: Buffer = Buffer.alloc(0);
interface KubeletEnd {
  received: Buffer;
  isOver: boolean;
  readonly socket: Socket;
}
const ends: KubeletEnd[] = [];

beforeAll(async () => {
  kubelet = createServer({ ...pki.serving, ca: pki.caCert, requestCert: true });
  kubelet.on("upgrade", (_request, socket: Socket, head: Buffer) => {
    const mine: KubeletEnd = { received: head, isOver: false, socket };
    ends.push(mine);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      mine.isOver = true;
    });
    socket.on("data", (chunk: Buffer) => {
      mine.received = Buffer.concat([mine.received, chunk]);
    });
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    socket.write(answer);
  });
  await new Promise<void>((resolve) => kubelet.listen(0, "127.0.0.1", resolve));
  const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
  server = await startServer(createMemoryStore(), tls, { kubeletClient: pki.kubeletClient });
  const client = server.client("test");
  await client.create(ServiceAccount, { metadata: { name: "default", namespace: "default" } });
  const node = await client.create(Node, { metadata: { name: "n" } });
  const { port: Port } = kubelet.address() as AddressInfo;
  const status = {
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port } },
  };
  await client.update(Node, { ...node, status: { ...node.status, ...status } }, { subresource: "status" });
  const containers = [{ name: "c", image: "i", ports: [{ containerPort: 80 }] }];
  await client.create(Pod, {
    metadata: { name: "web", namespace: "default" },
    spec: { containers, nodeName: "n" },
  });
});
afterAll(async () => {
  await server.stop();
  kubelet.closeAllConnections();
  kubelet.close();
});

function dial(): Promise<TLSSocket> {
  const { hostname, port } = new URL(server.url);
  const access = { host: hostname, port: Number(port), ca: pki.caCert, ...pki.admin };
  return new Promise((resolve, reject) => {
    const socket = connect({ ...access, ALPNProtocols: ["http/1.1"] }, () => resolve(socket));
    socket.on("error", reject);
  });
}

test(`frames that no WebSocket may have, over ${STREAMS} streams from seed ${SEED}`, async () => {
  for (let i = 0; i < STREAMS; i++) {
    const sent = hostileFrames(draw);
    answer = hostileFrames(draw);
    const socket = await dial();
    let received = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
    });
    const head = `GET ${draw.pick(PATHS)} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
    const opening = `${head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n`;
    // Some do not wait to be told that they may.
    const early = draw.chance(50) ? sent.length : draw.below(sent.length + 1);
    socket.write(Buffer.concat([Buffer.from(opening), sent.subarray(0, early)]));
    socket.write(sent.subarray(early));
    await expect.poll(() => ends[i]?.received.length, { interval: 2 }).toBe(sent.length);
    const kubeletEnd = ends[i]!;
    expect(kubeletEnd.received.equals(sent), `stream ${i}: what the kubelet was sent`).toBe(true);
    const body = () => received.subarray(received.indexOf("\r\n\r\n") + 4);
    await expect.poll(() => body().length, { interval: 2 }).toBe(answer.length);
    expect(body().equals(answer), `stream ${i}: what the client was sent`).toBe(true);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    // An end, or a break, of either side is the end of both.
    const [ending, other] = draw.chance(50) ? [socket, kubeletEnd.socket] : [kubeletEnd.socket, socket];
    other.on("end", () => other.end());
    if (draw.chance(50)) ending.destroy();
    else ending.end();
    await closed;
    await expect.poll(() => kubeletEnd.isOver, { interval: 2 }).toBe(true);
  }
  const { code } = await askHttp2(server, pki.caCert, { path: POD }, pki.admin);
  expect(code).toBe(200);
});
