import { createServer, type RequestListener, type Server } from "node:http";

/** An address and port to listen at: `127.0.0.1:10256`, `[::1]:0`. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Undefined for what is none. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? "", port: Number(match[3]) };
}

/** A small HTTP server. Rejects when the port cannot be opened. */
export function listenHttp(at: ListenAddress, answer: RequestListener): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(answer);
    server.once("error", reject);
    server.listen({ host: at.host, port: at.port, ipv6Only: at.host === "::" }, () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve(server);
    });
  });
}

/** Resolves when its port is free again. */
export function closeHttp(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
