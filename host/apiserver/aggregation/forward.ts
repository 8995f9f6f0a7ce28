import type { ClientRequest, ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import type { V1APIService } from "../../api/generated/types.ts";
import type { User } from "../api.ts";
import { type Answer, textAnswer } from "../http/answer.ts";
import { passedHeaders } from "../http/passed-headers.ts";
import type { IncomingRequest } from "../http/request-handler.ts";
import type { RawResponse } from "../http/watch-stream.ts";
import type { Backends } from "./backend.ts";
import { identityHeaders } from "./identity-headers.ts";

export interface Forwarded {
  readonly service: V1APIService;
  readonly isAvailable: boolean;
  readonly request: IncomingRequest;
  readonly body: Buffer;
  readonly user: User;
  /** Path and query there, when they are others than here. */
  readonly path?: string;
  /** Gives what to write to; called when an answer has come. */
  readonly takeOver: (code: number) => RawResponse;
}

/**
 * Sends a request that has been let in to the server that answers for its group, and its answer back as it comes.
 *
 * @returns an answer of this server's own when the other cannot be asked
 */
export async function forward(
  backends: Backends | undefined,
  forwarded: Forwarded,
): Promise<Answer | undefined> {
  const { service, isAvailable, request, body, user } = forwarded;
  if (!isAvailable || backends === undefined) return textAnswer(503, "service unavailable\n");
  const headers = { ...passedHeaders(request.headers), ...identityHeaders(user) };
  let opened: ClientRequest | undefined;
  let isGone = false;
  request.onGone(() => {
    isGone = true;
    opened?.destroy();
  });
  try {
    const path = forwarded.path ?? request.url;
    const answer = await backends.ask(service, { method: request.method, path, headers }, body, (one) => {
      opened = one;
      if (isGone) one.destroy();
    });
    const code = answer.statusCode ?? 502;
    // The compatibility layers type their methods apart, but behave alike.
    const response = forwarded.takeOver(code) as ServerResponse;
    response.writeHead(code, passedHeaders(answer.headers));
    // Informers wait for the head of a watch.
    if ("flushHeaders" in response) response.flushHeaders();
    pipeline(answer, response, () => answer.destroy());
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return textAnswer(503, `error trying to reach service: ${why}\n`);
  }
}
