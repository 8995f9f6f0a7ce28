import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { SystemClock } from "../../apimachinery/clock.ts";
import { ensurePki } from "../../security/pki.ts";
import { HttpsTransport } from "./transport.ts";

test("connections that webhooks have left open are in nobody's way", async () => {
  const pki = await ensurePki({ nowMs: Date.now() });
  const waiting: (() => void)[] = [];
  // All calls of a round are under way at once, so that each has a connection of its own.
  const server = createServer({ ...pki.serving, keepAliveTimeout: 0 }, (request, response) => {
    request.resume();
    waiting.push(() => response.end("{}"));
    if (request.url === "/last" || waiting.length === 8) for (const answer of waiting.splice(0)) answer();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const transport = new HttpsTransport(new SystemClock());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // To Node these are as many authorities, and none may use the connections of another.
  const ask = (authority: number, path: string, timeoutMs: number) =>
    transport.post({
      url: new URL(path, url),
      authorities: pki.caCert + "\n".repeat(authority),
      body: "{}",
      timeoutMs,
    });
  try {
    for (let authority = 0; authority < 32; authority++)
      await Promise.all(Array.from({ length: 8 }, () => ask(authority, "/", 10_000)));
    expect(await ask(32, "/last", 2_000)).toMatchObject({ code: 200 });
  } finally {
    transport.stop();
    server.closeAllConnections();
    server.close();
  }
});
