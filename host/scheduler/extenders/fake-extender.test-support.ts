import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What a verb does: answers an object as JSON, or a text, or a code; or never answers. */
export type Verb = (body: Record<string, unknown>) => unknown;
export const HANG = Symbol("hang");

export interface FakeExtender {
  readonly url: string;
  /** `filter {"Pod":…}` as they came. */
  readonly calls: { readonly verb: string; readonly body: Record<string, unknown>; readonly text: string }[];
  verbs: Record<string, Verb>;
  stop(): Promise<void>;
}

/** A real HTTP server that plays an extender. */
export async function startFakeExtender(verbs: Record<string, Verb> = {}): Promise<FakeExtender> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (part: Buffer) => {
      text += part;
    });
    request.on("end", () => {
      const verb = request.url!.slice(1);
      const body = JSON.parse(text) as Record<string, unknown>;
      fake.calls.push({ verb, body, text });
      const answer = fake.verbs[verb]?.(body) ?? 404;
      if (answer === HANG) return;
      if (answer === "die") request.socket.destroy();
      else if (typeof answer === "number") response.writeHead(answer).end();
      else response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const fake: FakeExtender = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    verbs,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
  return fake;
}

/** The nodes of a question, in either form. */
export function nodesOf({ NodeNames, Nodes }: Record<string, unknown>): string[] {
  if (Array.isArray(NodeNames)) return NodeNames as string[];
  return (Nodes as { items: { metadata: { name: string } }[] }).items.map(({ metadata }) => metadata.name);
}
