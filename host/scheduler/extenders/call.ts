import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Clock } from "../../apimachinery/clock.ts";
import { goNetworkError } from "../../apimachinery/go-errors.ts";
import type { ExtenderConfiguration } from "../configuration/extenders.ts";

/** Lists of nodes go back and forth: 64 MiB is tens of thousands of whole nodes. What is longer is cut off. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_SOCKETS = 64;

/** Carries questions to one extender, over connections that are kept. */
export class ExtenderConnection {
  readonly #configuration: ExtenderConfiguration;
  readonly #clock: Clock;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #isSecure: boolean;
  readonly #under = new Set<(why: string) => void>();
  #isClosed = false;

  constructor(configuration: ExtenderConfiguration, clock: Clock) {
    this.#configuration = configuration;
    this.#clock = clock;
    this.#isSecure = new URL(configuration.urlPrefix).protocol === "https:";
    const { insecure, serverName, cert, key, ca } = configuration.tls;
    const kept = { keepAlive: true, maxSockets: MAX_SOCKETS };
    this.#agent = this.#isSecure
      ? new HttpsAgent({ ...kept, rejectUnauthorized: !insecure, servername: serverName, cert, key, ca })
      : new HttpAgent(kept);
  }

  /** Everything that is under way fails. */
  close(): void {
    this.#isClosed = true;
    for (const fail of [...this.#under]) fail("context canceled");
    this.#agent.destroy();
  }

  /**
   * Asks one verb.
   *
   * @returns what it answered, parsed
   * @throws Error in the words of kube-scheduler and Go's client
   */
  async ask(verb: string, body: string): Promise<unknown> {
    const prefix = this.#configuration.urlPrefix.replace(/\/+$/, "");
    const url = `${prefix}/${verb}`;
    const { code, text } = await this.#post(url, body);
    if (code !== 200) throw new Error(`failed ${verb} with extender at URL ${url}, code ${code}`);
    if (text === "") throw new Error("EOF");
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error(`extender at URL ${url} does not answer JSON: ${(error as Error).message}`);
    }
  }

  #post(address: string, body: string): Promise<{ code: number; text: string }> {
    const url = new URL(address);
    const failed = (why: string) => new Error(`Post "${address}": ${why}`);
    if (this.#isClosed) return Promise.reject(failed("context canceled"));
    return new Promise((resolve, reject) => {
      const request = (this.#isSecure ? httpsRequest : httpRequest)(url, {
        method: "POST",
        agent: this.#agent,
        headers: { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) },
      });
      const end = () => {
        timer.cancel();
        this.#under.delete(fail);
      };
      const fail = (why: string) => {
        end();
        request.destroy();
        reject(failed(why));
      };
      const { timeoutMs } = this.#configuration;
      const timer = this.#clock.setTimeout(
        () => fail("context deadline exceeded (Client.Timeout exceeded while awaiting headers)"),
        timeoutMs,
      );
      this.#under.add(fail);
      request.on("error", (error) => fail(goNetworkError(error, url)));
      request.on("response", (response: IncomingMessage) => {
        const parts: Buffer[] = [];
        let size = 0;
        response.on("data", (part: Buffer) => {
          size += part.length;
          if (size > MAX_ANSWER_BYTES) fail(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
          else parts.push(part);
        });
        response.on("error", (error) => fail(goNetworkError(error, url)));
        response.on("aborted", () => fail("unexpected EOF"));
        response.on("end", () => {
          end();
          resolve({ code: response.statusCode ?? 0, text: Buffer.concat(parts).toString() });
        });
      });
      request.end(body);
    });
  }
}
