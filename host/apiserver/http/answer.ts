import { stringify as stringifyYaml } from "yaml";
import type { Kind } from "../../api/kind.ts";
import { ApiError, internalError, type Status } from "../../apimachinery/errors.ts";
import type { Logger } from "../../apimachinery/log.ts";
import type { View } from "../storage/view.ts";
import { type IncludeObject, partialObject, tableOf } from "../tables.ts";
import type { Representation } from "./negotiation.ts";

/** What goes back over the wire. */
export interface Answer {
  readonly code: number;
  readonly contentType: string;
  /** Slices: more than is made at once, written as fast as the client reads. */
  readonly body: Buffer | string | Iterable<Buffer>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How an answer is to look, as negotiated for one request. */
export interface Presentation {
  readonly representation: Representation;
  readonly pretty: boolean;
  readonly include: IncludeObject;
  readonly nowMs: number;
}

const JSON_TYPE = "application/json";

export function jsonAnswer(code: number, value: unknown, presentation?: Presentation): Answer {
  if (presentation?.representation.yaml) {
    return {
      code,
      contentType: "application/yaml",
      body: stringifyYaml(value, { aliasDuplicateObjects: false }),
    };
  }
  const text = presentation?.pretty ? JSON.stringify(value, null, 2) : JSON.stringify(value);
  return { code, contentType: JSON_TYPE, body: `${text}\n` };
}

export function textAnswer(code: number, body: string): Answer {
  return { code, contentType: "text/plain; charset=utf-8", body };
}

export function viewAnswer(code: number, kind: Kind, view: View, presentation: Presentation): Answer {
  const { representation, pretty, include, nowMs } = presentation;
  if (representation.as === "Table") {
    return jsonAnswer(code, tableOf(kind, view, include, nowMs), presentation);
  }
  if (representation.as === "PartialObjectMetadata") {
    return jsonAnswer(code, partialObject(view.object), presentation);
  }
  if (representation.yaml || pretty) return jsonAnswer(code, view.object, presentation);
  return { code, contentType: JSON_TYPE, body: view.body };
}

export function statusAnswer(status: Status, pretty: boolean): Answer {
  const text = pretty ? JSON.stringify(status, null, 2) : JSON.stringify(status);
  const retry = status.details?.retryAfterSeconds;
  return {
    code: status.code ?? 500,
    contentType: JSON_TYPE,
    body: `${text}\n`,
    ...(retry === undefined ? {} : { headers: { "Retry-After": String(retry) } }),
  };
}

/** A failure as the client is told of it; what is our own mistake is logged and answered 500, and the server goes on. */
export function errorAnswer(error: unknown, log: Logger, pretty: boolean): Answer {
  if (error instanceof ApiError) return statusAnswer(error.status, pretty);
  const { message, stack, name } = error instanceof Error ? error : new Error(String(error));
  if (name === "StoreUnavailableError") {
    log.warn("store unavailable", { message });
    return statusAnswer(new ApiError("ServiceUnavailable", message).status, pretty);
  }
  log.error("request failed by a mistake of the server", { message, stack });
  return statusAnswer(internalError(message).status, pretty);
}
