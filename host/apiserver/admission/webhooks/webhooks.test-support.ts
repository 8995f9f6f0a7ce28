import { expect } from "vitest";
import { parse } from "yaml";
import { createMemoryStore } from "../../../store/memory-store.ts";
import type { ApiServer } from "../../server.ts";
import { type Answered, askHttp2, type Identity, startServer } from "../../server-fixture.ts";
import { startWebhookServer, type WebhookServer } from "../../webhook-client/webhook-server.test-support.ts";

const REGISTRATION = "/apis/admissionregistration.k8s.io/v1";
export const MAPS = "/api/v1/namespaces/default/configmaps";

interface Authority {
  readonly caCert: string;
  readonly serving: Identity;
  readonly admin: Identity;
}

/** An API server and the backend of its webhooks, both with real TLS. */
export class WebhookBench {
  readonly caBundle: string;
  readonly #authority: Authority;
  readonly #server: ApiServer;
  readonly hooks: WebhookServer;
  /** What the test put there, by path. */
  readonly cleanUp: string[] = [];

  private constructor(authority: Authority, server: ApiServer, hooks: WebhookServer) {
    this.#authority = authority;
    this.#server = server;
    this.hooks = hooks;
    this.caBundle = Buffer.from(authority.caCert).toString("base64");
  }

  static async start(authority: Authority): Promise<WebhookBench> {
    const { caCert, serving } = authority;
    const server = await startServer(createMemoryStore(), { caCert, ...serving });
    return new WebhookBench(authority, server, await startWebhookServer(serving));
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    await this.hooks.stop();
  }

  async clear(): Promise<void> {
    // Webhooks first: some would let nothing go.
    const isConfiguration = (path: string) => path.startsWith(REGISTRATION);
    const paths = this.cleanUp.splice(0);
    for (const path of paths.filter(isConfiguration)) await this.ask("DELETE", path);
    for (const path of paths.filter((one) => !isConfiguration(one))) await this.ask("DELETE", path);
    this.hooks.asked.length = 0;
  }

  ask(method: string, path: string, body?: object, type = "application/json"): Promise<Answered> {
    const { caCert, admin } = this.#authority;
    const headers = { "content-type": type };
    const text = body === undefined ? undefined : JSON.stringify(body);
    return askHttp2(this.#server, caCert, { method, path, headers, body: text }, admin);
  }

  /** A configuration of one webhook, in words of YAML: what is not said is for ConfigMaps that are written. */
  async configure(sort: "validating" | "mutating", name: string, text: string): Promise<void> {
    const kind = sort === "validating" ? "ValidatingWebhookConfiguration" : "MutatingWebhookConfiguration";
    const { url, client, ...said } = parse(text) as Record<string, unknown>;
    const webhook = {
      name: `${name}.example.com`,
      clientConfig: client ?? { url, caBundle: this.caBundle },
      rules: [{ operations: ["*"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] }],
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      ...said,
    };
    const plural = `${kind.toLowerCase()}s`;
    const configuration = { kind, metadata: { name }, webhooks: [webhook] };
    const answer = await this.ask("POST", `${REGISTRATION}/${plural}`, configuration);
    expect(answer.text).toContain('"uid"');
    this.cleanUp.push(`${REGISTRATION}/${plural}/${name}`);
  }

  /** What comes of a new ConfigMap: `201` or `400 BadRequest why`. */
  async create(fields: object = {}, query = ""): Promise<string> {
    const { code, json } = await this.creating(fields, query);
    if (code >= 300) return `${code} ${json()["reason"] ?? "-"} ${json()["message"]}`;
    this.cleanUp.push(`${MAPS}/${(json()["metadata"] as { name: string }).name}`);
    return `${code}`;
  }

  creating(fields: object = {}, query = ""): Promise<Answered> {
    return this.ask("POST", `${MAPS}${query}`, { metadata: { name: "m" }, data: { a: "1" }, ...fields });
  }

  /** The request that came as the nth. */
  request(index = 0): Record<string, unknown> {
    return this.hooks.asked[index]?.document["request"] as Record<string, unknown>;
  }

  /** A Service that leads to this machine. */
  async service(name: string): Promise<void> {
    const spec = { type: "ExternalName", externalName: "localhost" };
    await this.ask("POST", "/api/v1/namespaces/default/services", { metadata: { name }, spec });
    this.cleanUp.push(`/api/v1/namespaces/default/services/${name}`);
  }
}
