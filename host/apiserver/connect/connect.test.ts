import { createServer as createHttpServer, type Server } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Kind } from "../../api/kind.ts";
import { EndpointSlice, Node, Pod, Service, ServiceAccount } from "../../api/registry.ts";
import type { ApiError } from "../../apimachinery/errors.ts";
import type { Client } from "../../client/client.ts";
import { ensurePki } from "../../security/pki.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { ApiServer } from "../server.ts";
import { askHttp1, askHttp2, startServer } from "../server-fixture.ts";
import { Kubelets } from "./kubelets.ts";
import { parseProxyName } from "./proxy-target.ts";

const pki = await ensurePki({ nowMs: Date.now() });
let server: ApiServer;
let client: Client;
let kubelet: Server;
let pods: Server;
const asked: { method?: string; url?: string; client: string; protocol?: string }[] = [];
const opened: TLSSocket[] = [];

beforeAll(async () => {
  // A kubelet that speaks "echo": what is sent comes back in capitals.
  kubelet = createServer({ ...pki.serving, ca: pki.caCert, requestCert: true });
  kubelet.on("request", ({ url, socket: from }, response) => {
    asked.push({ url, client: (from as TLSSocket).getPeerCertificate().subject.CN as string });
    response.writeHead(url?.includes("previous") ? 400 : 200, { "Content-Type": "text/plain" });
    response.end(url?.includes("previous") ? "no run before" : "one\ntwo\n");
  });
  kubelet.on("upgrade", ({ method, url, headers, socket: from }, socket) => {
    const cn = (from as TLSSocket).getPeerCertificate().subject.CN as string;
    asked.push({ method, url, client: cn, protocol: headers["sec-websocket-protocol"] });
    socket.on("error", () => socket.destroy());
    if (url?.startsWith("/attach")) {
      socket.end("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nnot so");
      return;
    }
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    socket.on("data", (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
    socket.on("end", () => socket.end());
  });
  pods = createHttpServer(({ method, url, headers, socket }, response) => {
    if (url === "/switch") {
      socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n");
      return;
    }
    response.writeHead(url === "/missing" ? 404 : 200, { "X-From": "pod", "Content-Type": "text/plain" });
    response.end(`${method} ${url} ${headers["x-mine"] ?? ""} ${headers.authorization ?? "nobody"}`);
  });
  for (const one of [kubelet, pods])
    await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
  const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
  server = await startServer(createMemoryStore(), tls, {
    kubeletClient: pki.kubeletClient,
    dialer: {
      connect: (address, port) =>
        address === "10.0.0.7"
          ? Promise.resolve(connectTcp((pods.address() as AddressInfo).port, "127.0.0.1"))
          : Promise.reject(new Error(`dial tcp ${address}:${port}: connect: connection refused`)),
      openDatagrams: () => ({ send: () => {}, close: () => {} }),
    },
  });
  client = server.client("test");
  await client.create(ServiceAccount, { metadata: { name: "default", namespace: "default" } });
  await node("real", {});
  await node("played", { "pintle.io/simulated": "true" });
  await node("away", {}, 1);
  await pod("web", "real", "10.0.0.7");
  await pod("sim", "played");
  await pod("far", "away", "10.0.0.9");
  await pod("nowhere");
  await pod("inward", "real", "127.0.0.1");
  await pod("mapped", "real", "::ffff:127.0.0.1");
  await pod("spelled", "real", "0:0:0:0:0:0:0:1");
  await pod("unsaid", "real", "::");
  await client.create(Service, {
    metadata: { name: "web", namespace: "default" },
    spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80 }] },
  });
});
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});
afterAll(async () => {
  await server.stop();
  for (const one of [kubelet, pods]) {
    one.closeAllConnections();
    one.close();
  }
});

async function node(
  name: string,
  annotations: Record<string, string>,
  port = (kubelet.address() as AddressInfo).port,
) {
  const made = await client.create(Node, { metadata: { name, annotations } });
  const status = {
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  };
  await client.update(Node, { ...made, status: { ...made.status, ...status } }, { subresource: "status" });
}

async function pod(name: string, nodeName?: string, podIP?: string) {
  const containers = [{ name: "c", image: "i", ports: [{ containerPort: 8080 }] }];
  await client.create(Pod, { metadata: { name, namespace: "default" }, spec: { containers } });
  if (nodeName === undefined) return;
  const binding = { metadata: { name }, target: { kind: "Node", name: nodeName } };
  await client.createSubresource(Pod as unknown as Kind, { namespace: "default", name }, "binding", binding);
  if (podIP === undefined) return;
  const bound = await client.get(Pod, { namespace: "default", name });
  await client.update(
    Pod,
    { ...bound, status: { phase: "Running", podIP, podIPs: [{ ip: podIP }] } },
    { subresource: "status" },
  );
}

const POD = "/api/v1/namespaces/default/pods";

/** Asks for an upgrade over a raw connection. @returns the connection, and what came on it so far, once something has */
async function upgrade(path: string): Promise<{ socket: TLSSocket; text: () => string }> {
  const { hostname, port } = new URL(server.url);
  const socket = connect({ host: hostname, port: Number(port), ca: pki.caCert, ...pki.admin });
  opened.push(socket);
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const protocol =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n";
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${protocol}\r\n`);
  await expect.poll(() => text).toMatch(/\r\n\r\n/);
  return { socket, text: () => text };
}

describe("exec, attach and port-forward", () => {
  test("are handed through to the kubelet of the pod's node, both ways", async () => {
    const { socket, text } = await upgrade(
      `${POD}/web/exec?command=sh&command=-c&command=a+b&stdin=true&stdout=true&tty=true`,
    );
    expect(text()).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    socket.write("hello");
    await expect.poll(text).toMatch(/\r\n\r\nHELLO$/);
    expect(asked.at(-1)).toEqual({
      method: "GET",
      url: "/exec/default/web/c?command=sh&command=-c&command=a+b&input=1&output=1&tty=1",
      client: "kube-apiserver-kubelet-client",
      protocol: "v5.channel.k8s.io",
    });
    const ended = new Promise((resolve) => socket.on("close", resolve));
    socket.end();
    await ended;
  });

  test("port-forward names no container", async () => {
    await upgrade(`${POD}/web/portforward?ports=80`);
    expect(asked.at(-1)?.url).toBe("/portForward/default/web?port=80");
  });

  test("a kubelet that refuses is quoted", async () => {
    const { text } = await upgrade(`${POD}/web/attach`);
    await expect.poll(text).toMatch(/^HTTP\/1\.1 400 [\s\S]*\r\n\r\n6\r\nnot so\r\n/);
  });

  test.each([
    ["nope/exec?command=a", 404, 'pods "nope" not found'],
    ["web/exec?command=a&container=zz", 400, "container zz is not valid for pod web"],
    ["nowhere/exec?command=a", 400, "pod nowhere does not have a host assigned"],
    ["sim/exec?command=a", 501, "pods/exec: node played is simulated, nothing runs in its containers"],
    ["sim/portforward", 501, "pods/portforward: node played is simulated, nothing runs in its containers"],
  ])("%s is %d, with and without an upgrade", async (path, code, message) => {
    const { text } = await upgrade(`${POD}/${path}`);
    await expect.poll(text).toContain(`HTTP/1.1 ${code} `);
    expect(text()).toContain(JSON.stringify(message));
    const answer = await askHttp2(server, pki.caCert, { path: `${POD}/${path}` }, pki.admin);
    expect([answer.code, answer.json()["message"]]).toEqual([code, message]);
  });

  test("without an upgrade there is nothing to speak", async () => {
    const answer = await askHttp1(server, pki.caCert, { path: `${POD}/web/exec?command=a` }, pki.admin);
    expect([answer.code, answer.json()["message"]]).toEqual([400, "Upgrade request required"]);
  });

  test("a kubelet that is not there", async () => {
    const { text } = await upgrade(`${POD}/far/exec?command=a`);
    await expect
      .poll(text)
      .toMatch(
        /^HTTP\/1\.1 500 [\s\S]*error dialing backend: dial tcp 127\.0\.0\.1:1: connect: connection refused/,
      );
  });

  test("a client that does not end its side keeps no connection", async () => {
    const { hostname, port } = new URL(server.url);
    // Node takes the option, but does not type it here.
    const halfOpen = { host: hostname, port: Number(port), ca: pki.caCert, allowHalfOpen: true };
    const socket = connect(halfOpen);
    opened.push(socket);
    socket.on("error", () => socket.destroy());
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.write(
      `GET ${POD}/web/exec?command=a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`,
    );
    await expect.poll(() => text).toMatch(/^HTTP\/1\.1 401 /);
    // Whoever writes to a connection that nobody holds is told so.
    const isOver = () => {
      if (!socket.destroyed) socket.write("x");
      return socket.destroyed;
    };
    await expect.poll(isOver).toBe(true);
  });

  test("who may not is refused before anybody is asked", async () => {
    const before = asked.length;
    const answer = await askHttp1(server, pki.caCert, {
      path: `${POD}/web/exec?command=a`,
      headers: { connection: "Upgrade", upgrade: "echo" },
    });
    expect(answer.code).toBe(401);
    expect(asked.length).toBe(before);
  });
});

test("a kubelet that says nothing holds so many requests and no more", async () => {
  const silent = createTcpServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const kubelets = new Kubelets(pki.kubeletClient);
  const endpoint = { host: "127.0.0.1", port: (silent.address() as AddressInfo).port };
  const asked = Array.from({ length: 1_001 }, () =>
    kubelets.get(endpoint, "/containerLogs/a/b/c", () => {}).catch((error: ApiError) => error.code),
  );
  expect(await asked.at(-1)).toBe(429);
  kubelets.stop();
  expect(new Set(await Promise.all(asked))).toEqual(new Set([500, 429]));
  silent.close();
});

describe("the log of a pod on a node of its own", () => {
  const log = (path: string) => askHttp2(server, pki.caCert, { path: `${POD}/${path}` }, pki.admin);

  test("comes from the kubelet", async () => {
    const answer = await log("web/log?tailLines=2&timestamps=true&container=c&pretty=true");
    expect([answer.code, answer.headers["content-type"], answer.text]).toEqual([
      200,
      "text/plain",
      "one\ntwo\n",
    ]);
    expect(asked.at(-1)).toEqual({
      url: "/containerLogs/default/web/c?tailLines=2&timestamps=true",
      client: "kube-apiserver-kubelet-client",
    });
  });

  test.each([
    ["web/log?previous=true", 400, "no run before"],
    ["web/log?tailLines=-1", 422, "tailLines"],
    ["far/log", 500, "error dialing backend"],
  ])("%s is %d", async (path, code, text) => {
    const answer = await log(path);
    expect([answer.code, answer.text]).toEqual([code, expect.stringContaining(text)]);
  });
});

describe("proxy of a node", () => {
  const to = (path: string, method = "GET", body?: string) => {
    const token = { "x-mine": "kept", "content-type": "text/plain" };
    const all = {
      method,
      path: `/api/v1/nodes/${path}`,
      headers: token,
      ...(body === undefined ? {} : { body }),
    };
    return askHttp2(server, pki.caCert, all, pki.admin);
  };
  const port = () => (kubelet.address() as AddressInfo).port;

  test("is its kubelet, asked as the API server", async () => {
    for (const path of [
      "real/proxy/pods?a=b",
      `real:${port()}/proxy/pods?a=b`,
      `https:real:${port()}/proxy/pods?a=b`,
    ]) {
      asked.length = 0;
      const answer = await to(path);
      expect([answer.code, answer.text]).toEqual([200, "one\ntwo\n"]);
      expect(asked).toEqual([{ url: "/pods?a=b", client: "kube-apiserver-kubelet-client" }]);
    }
  });

  test("passes its refusals on, and bodies", async () => {
    const answer = await to("real/proxy/run?previous=1", "POST", "x".repeat(100_000));
    expect([answer.code, answer.text]).toEqual([400, "no run before"]);
  });

  // An answer is written "path, code, message".
  test.each([
    ["played/proxy/pods", 501, "nodes/proxy: node played is simulated, nothing runs in its containers"],
    ["none/proxy/pods", 404, 'nodes "none" not found'],
    ["real:1/proxy/pods", 400, "address not allowed"],
    ["real:x/proxy/pods", 400, 'invalid node request "127.0.0.1:x"'],
    ["ftp:real:1/proxy/pods", 400, 'invalid node request "ftp:real:1"'],
    ["away/proxy/", 503, "error trying to reach service: dial tcp 127.0.0.1:1: connect: connection refused"],
  ])("%s answers %d", async (path, code, message) => {
    const answer = await to(path);
    expect([answer.code, answer.json()["message"]]).toEqual([code, message]);
  });
});

describe("proxy", () => {
  const proxied = (path: string, method = "GET") =>
    askHttp2(
      server,
      pki.caCert,
      { method, path: `${POD}/${path}`, headers: { "x-mine": "kept" } },
      pki.admin,
    );

  test.each([
    ["web/proxy/a/b?c=d", "GET", 200, "GET /a/b?c=d kept nobody"],
    ["web:9090/proxy/%2Fx", "GET", 200, "GET /%2Fx kept nobody"],
    ["http:web:80/proxy/", "POST", 200, "POST / kept nobody"],
    ["web/proxy/missing", "GET", 404, "GET /missing kept nobody"],
  ])("%s by %s", async (path, method, code, text) => {
    const answer = await proxied(path, method);
    expect([answer.code, answer.text, answer.headers["x-from"]]).toEqual([code, text, "pod"]);
  });

  test("a path without its slash leads to the one with", async () => {
    const answer = await proxied("web/proxy");
    expect([answer.code, answer.headers["location"]]).toEqual([301, `${POD}/web/proxy/`]);
  });

  test.each([
    ["inward/proxy/", 400, "address not allowed"],
    ["mapped/proxy/", 400, "address not allowed"],
    ["spelled/proxy/", 400, "address not allowed"],
    ["unsaid/proxy/", 400, "address not allowed"],
    [
      "web/proxy/switch",
      503,
      'error trying to reach service: backend tried to switch protocol "other" when "" was requested',
    ],
    ["nowhere/proxy/", 400, "address not allowed"],
    ["far/proxy/", 503, "error trying to reach service: dial tcp 10.0.0.9:8080: connect: connection refused"],
    ["ftp:web:1/proxy/", 400, 'invalid pod request "ftp:web:1"'],
    ["web:no/proxy/", 400, 'invalid pod request "web:no"'],
  ])("%s is %d", async (path, code, message) => {
    const answer = await proxied(path);
    expect([answer.code, answer.json()["message"]]).toEqual([code, message]);
  });

  test("a Service is not the way to what else the API server can reach", async () => {
    const ask = async (name: string) => {
      const path = `/api/v1/namespaces/default/services/${name}:8001/proxy/`;
      return (await askHttp2(server, pki.caCert, { path }, pki.admin)).json()["message"];
    };
    await client.create(Service, {
      metadata: { name: "alias", namespace: "default" },
      spec: { type: "ExternalName", externalName: "web.localhost", ports: [{ port: 8001 }] },
    });
    expect(await ask("alias")).toBe('no endpoints available for service "alias"');
    for (const [addressType, name, address, refusal] of [
      ["FQDN", "named", "web.localhost", 'no endpoints available for service "named"'],
      ["IPv6", "mapped", "::ffff:0.0.0.1", "address not allowed"],
    ] as const) {
      const metadata = { name, namespace: "default", labels: { "kubernetes.io/service-name": name } };
      await client.create(Service, { metadata, spec: { ports: [{ port: 8001 }] } });
      await client.create(EndpointSlice, {
        metadata,
        addressType,
        ports: [{ name: "", port: 8001, protocol: "TCP" }],
        endpoints: [{ addresses: [address] }],
      });
      expect(await ask(name)).toBe(refusal);
    }
  });

  test("a Service without endpoints is not available", async () => {
    const services = "/api/v1/namespaces/default/services";
    const ask = async (path: string) =>
      (await askHttp2(server, pki.caCert, { path: `${services}/${path}` }, pki.admin)).json();
    expect(await ask("web/proxy/")).toMatchObject({
      code: 503,
      message: 'no endpoints available for service "web"',
    });
    expect(await ask("web:nope/proxy/")).toMatchObject({
      code: 503,
      message: 'no service port "nope" found for service "web"',
    });
  });
});

test.each([
  ["web", { scheme: "http", name: "web" }],
  ["web:80", { scheme: "http", name: "web", port: "80" }],
  ["https:web:", { scheme: "https", name: "web" }],
  ["https:web:443", { scheme: "https", name: "web", port: "443" }],
  [":web:80", { scheme: "http", name: "web", port: "80" }],
  ["ftp:web:21", undefined],
  ["a:b:c:d", undefined],
  ["", undefined],
])("%j names %j", (text, name) => {
  expect(parseProxyName(text)).toEqual(name);
});
