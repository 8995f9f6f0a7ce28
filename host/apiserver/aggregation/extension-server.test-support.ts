import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** Common name of the certificate it was asked with, when the authority below signed it. */
  readonly client: string | undefined;
  readonly body: string;
}

export interface ExtensionServer {
  readonly port: number;
  readonly asked: Asked[];
  /** Discovery is answered 500 from here on. */
  break(): void;
  stop(): Promise<void>;
}

const THINGS = {
  kind: "APIResourceList",
  apiVersion: "v1",
  groupVersion: "ext.io/v1",
  resources: [
    {
      name: "things",
      singularName: "thing",
      namespaced: true,
      kind: "Thing",
      verbs: ["get", "list"],
      shortNames: ["th"],
    },
    {
      name: "things/scale",
      singularName: "",
      namespaced: true,
      group: "autoscaling",
      version: "v1",
      kind: "Scale",
      verbs: ["get"],
    },
  ],
};

/** A small server of `ext.io/v1`, as people write them for aggregation. */
export async function startExtensionServer(tls: {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
}): Promise<ExtensionServer> {
  const asked: Asked[] = [];
  const sockets = new Set<Duplex>();
  let isBroken = false;
  const { cert, key, clientCa: ca } = tls;
  const options = { cert, key, ca, requestCert: true, rejectUnauthorized: false };
  const answer = (response: ServerResponse, code: number, document: unknown) => {
    response.writeHead(code, { "Content-Type": "application/json", "X-From": "extension" });
    response.end(JSON.stringify(document));
  };
  const server = createServer(options, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url: path = "", headers } = request;
      const socket = request.socket as TLSSocket;
      const client = socket.authorized ? String(socket.getPeerCertificate().subject.CN) : undefined;
      asked.push({ method, path, headers, client, body: Buffer.concat(chunks).toString("utf8") });
      if (path === "/apis/ext.io/v1") return answer(response, isBroken ? 500 : 200, THINGS);
      if (path.startsWith("/openapi")) return answer(response, 404, {});
      if (path.includes("watch=true")) {
        response.writeHead(200, { "Content-Type": "application/json" });
        response.write('{"type":"ADDED","object":{}}\n');
        return;
      }
      if (path.split("?")[0]?.endsWith("/things"))
        return answer(response, 200, { kind: "ThingList", apiVersion: "ext.io/v1", metadata: {}, items: [] });
      answer(response, 418, { kind: "Status", code: 418, message: "a teapot" });
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    break: () => {
      isBroken = true;
    },
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
