import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

type Document = Record<string, unknown>;

/** What a webhook does with the document it was sent; `answer` sends one back. */
export type Behaviour = (
  document: Document,
  answer: (document: Document, code?: number) => void,
  raw: ServerResponse,
) => void;

export interface WebhookServer {
  readonly port: number;
  /** Every request's document by path, in the order they came. */
  readonly asked: {
    path: string;
    document: Document;
    headers: IncomingMessage["headers"];
    servername: string;
  }[];
  on(path: string, behaviour: Behaviour): string;
  stop(): Promise<void>;
}

/** A webhook's backend: real HTTPS, one behaviour a path. */
export async function startWebhookServer(tls: { cert: string; key: string }): Promise<WebhookServer> {
  const behaviours = new Map<string, Behaviour>();
  const asked: WebhookServer["asked"] = [];
  const sockets = new Set<Duplex>();
  const server = createServer(tls, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      const document = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Document;
      const { servername = "" } = request.socket as { servername?: string };
      asked.push({ path, document, headers: request.headers, servername });
      const answer = (given: Document, code = 200) => {
        response.writeHead(code, { "Content-Type": "application/json" });
        response.end(JSON.stringify(given));
      };
      behaviours.get(path.split("?")[0]!)?.(document, answer, response);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    asked,
    on(path, behaviour) {
      behaviours.set(path, behaviour);
      return `https://127.0.0.1:${port}${path}`;
    },
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** An AdmissionReview that answers a request: `reviewed(document, { allowed: true })`. */
export function reviewed(document: Document, response: Document): Document {
  const { uid } = document["request"] as { uid: string };
  return { kind: "AdmissionReview", apiVersion: "admission.k8s.io/v1", response: { uid, ...response } };
}

/** A JSON patch as a webhook gives it. */
export function patched(operations: object[]): Document {
  const patch = Buffer.from(JSON.stringify(operations)).toString("base64");
  return { allowed: true, patchType: "JSONPatch", patch };
}
