import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ensurePki } from "../../../security/pki.ts";
import { reviewed } from "../../webhook-client/webhook-server.test-support.ts";
import { WebhookBench } from "./webhooks.test-support.ts";

const pki = await ensurePki({ nowMs: Date.now() });
const stranger = await ensurePki({ nowMs: Date.now() });

let bench: WebhookBench;

beforeAll(async () => {
  bench = await WebhookBench.start(pki);
});
afterAll(() => bench.stop());
afterEach(() => bench.clear());

describe("one that cannot be called", () => {
  const failed = (name: string, why: string) =>
    `500 InternalError Internal error occurred: failed calling webhook "${name}.example.com": failed to call webhook: ${why}`;

  test.each([
    [500, 'an error on the server ("unknown") has prevented the request from succeeding'],
    [404, "the server could not find the requested resource"],
    [302, "the server responded with the status code 302 but did not return more details"],
  ])("answers %i", async (code, why) => {
    const url = bench.hooks.on("/code", (_, __, raw) => {
      raw.writeHead(code, {
        "Content-Type": "application/json",
        Location: `https://127.0.0.1:${bench.hooks.port}/allow`,
      });
      raw.end("{}");
    });
    await bench.configure("validating", "code", `url: "${url}"`);
    expect(await bench.create()).toBe(failed("code", why));
    expect(bench.hooks.asked).toHaveLength(1);
  });

  test("hangs", async () => {
    const url = bench.hooks.on("/hang", () => {});
    await bench.configure("validating", "hangs", `{url: "${url}", timeoutSeconds: 1}`);
    expect(await bench.create()).toBe(failed("hangs", `Post "${url}?timeout=1s": context deadline exceeded`));
  });

  test("never ends its answer", async () => {
    const url = bench.hooks.on("/drip", (_, __, raw) => {
      raw.writeHead(200, { "Content-Type": "application/json" });
      raw.write('{"kind":');
    });
    await bench.configure("validating", "drips", `{url: "${url}", timeoutSeconds: 1, failurePolicy: Ignore}`);
    expect(await bench.create()).toBe("201");
  });

  test("answers more than anybody wants to read", async () => {
    const url = bench.hooks.on("/huge", (_, __, raw) => {
      raw.writeHead(200, { "Content-Type": "application/json" });
      raw.end(Buffer.alloc(9 * 1024 * 1024, " "));
    });
    await bench.configure("validating", "huge", `url: "${url}"`);
    const why = `Post "${url}?timeout=10s": response body is larger than 8388608 bytes`;
    expect(await bench.create()).toBe(failed("huge", why));
  });

  test("answers no JSON", async () => {
    const url = bench.hooks.on("/html", (_, __, raw) => raw.end("<html>"));
    await bench.configure("validating", "html", `url: "${url}"`);
    expect(await bench.create()).toMatch(
      /failed to call webhook: couldn't get version\/kind; json parse error: /,
    );
  });

  test("is down; Ignore lets the write through", async () => {
    await bench.configure("validating", "down", `url: "https://127.0.0.1:1/p"`);
    const why = 'Post "https://127.0.0.1:1/p?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused';
    expect(await bench.create()).toBe(failed("down", why));
    await bench.ask("DELETE", bench.cleanUp.pop()!);
    for (const sort of ["mutating", "validating"] as const)
      await bench.configure(sort, "down", `{url: "https://127.0.0.1:1/p", failurePolicy: Ignore}`);
    expect(await bench.create()).toBe("201");
  });

  test("is one of a stranger's, or has another name", async () => {
    const url = bench.hooks.on("/allow", (document, answer) => answer(reviewed(document, { allowed: true })));
    const bundle = Buffer.from(stranger.caCert).toString("base64");
    await bench.configure("validating", "strange", `client: {url: "${url}", caBundle: ${bundle}}`);
    const untrusted = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
    expect(await bench.create()).toBe(failed("strange", `Post "${url}?timeout=10s": ${untrusted}`));
    await bench.ask("DELETE", bench.cleanUp.pop()!);
    const service = {
      metadata: { name: "other" },
      spec: { type: "ExternalName", externalName: "localhost" },
    };
    await bench.ask("POST", "/api/v1/namespaces/default/services", service);
    bench.cleanUp.push("/api/v1/namespaces/default/services/other");
    const client = `{service: {namespace: default, name: other, port: ${bench.hooks.port}}, caBundle: ${bench.caBundle}}`;
    await bench.configure("validating", "named", `client: ${client}`);
    expect(await bench.create()).toMatch(/x509: certificate is valid for .*, not other\.default\.svc$/);
  });

  test.each([
    ["nosvc", "", 'service "nosvc" not found'],
    ["plain", "", 'no service port 443 found for service "plain"'],
    ["plain", "port: 80,", 'no endpoints available for service "plain"'],
  ])("is a Service %s %s", async (name, port, why) => {
    if (name === "plain") {
      const spec = { selector: { a: "b" }, ports: [{ port: 80 }] };
      await bench.ask("POST", "/api/v1/namespaces/default/services", { metadata: { name }, spec });
      bench.cleanUp.push(`/api/v1/namespaces/default/services/${name}`);
    }
    await bench.configure(
      "validating",
      "svc",
      `client: {service: {namespace: default, ${port} name: ${name}}}`,
    );
    expect(await bench.create()).toContain(`.default.svc:${port === "" ? 443 : 80}?timeout=10s": ${why}`);
  });
});
