import type { AdmissionregistrationV1WebhookClientConfig } from "../../api/generated/types.ts";
import { goAnswerError } from "../../apimachinery/go-errors.ts";
import { JsonSyntaxError, parseJson } from "../../apimachinery/json-text.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { ObjectStorage } from "../storage/objects.ts";
import { resolveService } from "./service-address.ts";
import type { WebhookAnswer, WebhookTransport } from "./transport.ts";

/** Where a webhook is: an URL, or a Service of the cluster. Admission and conversion say it the same way. */
export type ClientConfig = AdmissionregistrationV1WebhookClientConfig;

const DEFAULT_PORT = 443;

/** Calls webhooks: a document in JSON there, one back. */
export class WebhookClient {
  readonly #objects: ObjectStorage;
  readonly #random: Random;
  readonly #transport: WebhookTransport | undefined;

  constructor(objects: ObjectStorage, random: Random, transport: WebhookTransport | undefined) {
    this.#objects = objects;
    this.#random = random;
    this.#transport = transport;
  }

  /** The document that was answered; throws an Error in the words of client-go. */
  async post(config: ClientConfig, document: object, timeoutSeconds: number): Promise<unknown> {
    const url = urlOf(config, timeoutSeconds);
    let answer: WebhookAnswer;
    try {
      answer = await this.#send(config, url, document, timeoutSeconds);
    } catch (error) {
      throw new Error(
        `Post ${JSON.stringify(url)}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    const { code, contentType, body } = answer;
    if (code < 200 || code > 206) throw new Error(goAnswerError(code, contentType, body));
    return parseAnswer(body);
  }

  stop(): void {
    this.#transport?.stop();
  }

  async #send(
    { service, caBundle }: ClientConfig,
    url: string,
    document: object,
    timeoutSeconds: number,
  ): Promise<WebhookAnswer> {
    if (this.#transport === undefined) throw new Error("this API server has no way to call webhooks");
    const address = service
      ? await resolveService(this.#objects, this.#random, service, service.port ?? DEFAULT_PORT)
      : undefined;
    return this.#transport.post({
      url: new URL(url),
      ...(address === undefined ? {} : { address }),
      ...(caBundle ? { authorities: Buffer.from(caBundle, "base64").toString("utf8") } : {}),
      body: JSON.stringify(document),
      timeoutMs: timeoutSeconds * 1000,
    });
  }
}

/** As it is shown in errors: the port of a Service is always said, which a URL object would not. */
function urlOf({ url, service }: ClientConfig, timeoutSeconds: number): string {
  const query = `timeout=${timeoutSeconds}s`;
  if (!service) return `${url}${url?.includes("?") ? "&" : "?"}${query}`;
  const { name, namespace, path = "", port = DEFAULT_PORT } = service;
  return `https://${name}.${namespace}.svc:${port}${path}?${query}`;
}

function parseAnswer(body: Buffer): unknown {
  try {
    return parseJson(body.toString("utf8"));
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new Error(`couldn't get version/kind; json parse error: ${error.message}`);
  }
}
