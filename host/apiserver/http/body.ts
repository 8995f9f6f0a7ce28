import type { Readable } from "node:stream";
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { ApiError, badRequest } from "../../apimachinery/errors.ts";
import { duplicateKeys, JsonSyntaxError, parseCountedJson } from "../../apimachinery/json-text.ts";
import { parseBody } from "../../apimachinery/parse-body.ts";
import { decodeProtobuf } from "../../apimachinery/protobuf.ts";
import { readYaml, YamlSyntaxError } from "../../apimachinery/yaml-text.ts";
import type { Patch } from "../../client/client.ts";
import type { Api } from "../api.ts";
import type { Body } from "../decode-body.ts";
import { BodyRoom } from "./body-room.ts";
import { bodyType, unsupportedBody } from "./negotiation.ts";
import { whenClosed } from "./when-closed.ts";

export const MAX_BODY_BYTES = 3_145_728;

/** A body this far over the limit is not drained any more: the connection is cut instead. */
const MAX_DRAINED_BYTES = 64 * 1024 * 1024;

/** Of all servers of this process, as its memory is. */
const room = new BodyRoom();

/**
 * The whole body. One that is too large is read to its end and thrown away, so that a client that is still sending
 * reads the 413 instead of a broken connection.
 *
 * @param connection  that it comes on; how much of bodies may be on their way is counted for each
 */
export function readBody(request: Readable, connection: object): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] | undefined = [];
    let size = 0;
    let held = 0;
    const letGo = () => {
      chunks = undefined;
      room.giveBack(connection, held);
      held = 0;
    };
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_DRAINED_BYTES) request.destroy();
      if (chunks === undefined) return;
      if (size > MAX_BODY_BYTES) letGo();
      else if (room.take(connection, chunk.length)) {
        held += chunk.length;
        chunks.push(chunk);
      } else {
        letGo();
        reject(noRoom());
      }
    });
    request.on("end", () => {
      if (chunks === undefined) reject(tooLarge());
      else resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
      letGo();
    });
    // Whoever breaks off reads no answer, and it was no mistake of this server.
    request.on("error", () => reject(badRequest("unexpected EOF")));
    whenClosed(request, () => {
      letGo();
      // Every request is closed in the end: only one that was cut has not been answered for yet.
      if (!request.readableEnded) reject(tooLarge());
    });
  });
}

/**
 * Throws away what still comes of a request that has been answered, as much as the largest body that is taken.
 *
 * @returns whether it has come to its end
 */
export function drain(request: Readable): Promise<boolean> {
  return new Promise((resolve) => {
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) resolve(false);
    });
    request.on("end", () => resolve(true));
    whenClosed(request, () => resolve(request.readableEnded));
  });
}

function noRoom(): ApiError {
  const what = "too many request bodies are on their way, please try again later";
  return new ApiError("TooManyRequests", what, { retryAfterSeconds: 1 });
}

function tooLarge(): ApiError {
  const what = `Request entity too large: limit is ${MAX_BODY_BYTES}`;
  return new ApiError("RequestEntityTooLarge", what);
}

/** JSON, YAML or protobuf, by the Content-Type. `kind` is what the URL is about, for the words of an error. */
export function parseRequestBody(
  api: Api,
  kind: Pick<Kind, "kind" | "group" | "version" | "type">,
  bytes: Buffer,
  contentType: string | undefined,
): Body {
  const type = bodyType(contentType);
  if (type === "application/json" || type === "application/yaml") return parseBody(bytes, type, kind.kind);
  if (type !== "application/vnd.kubernetes.protobuf") throw unsupportedBody();
  // What a definition declares has no protobuf.
  if (kind.type.startsWith("custom:")) throw unsupportedBody(["application/json", "application/yaml"]);
  const typeFor = (apiVersion: string, name: string) =>
    apiVersion === apiVersionOf(kind) && name === kind.kind
      ? kind.type
      : (api.kinds.findByName(apiVersion, name)?.type ?? META_TYPES[name]);
  const { apiVersion, kind: name, object } = decodeProtobuf(api.schema, bytes, typeFor);
  return { value: { ...object, apiVersion, kind: name }, strictErrors: [] };
}

/** Bodies that are no kind of the registry. */
const META_TYPES: Readonly<Record<string, string>> = {
  DeleteOptions: "meta.DeleteOptions",
  Scale: "autoscaling.v1.Scale",
  Eviction: "policy.v1.Eviction",
  Binding: "core.v1.Binding",
  TokenRequest: "authentication.v1.TokenRequest",
};

const PATCH_TYPES = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
} as const;

const APPLY_PATCH = "application/apply-patch+yaml";

export interface ParsedPatch {
  readonly patch: Patch;
  readonly strictErrors: readonly string[];
}

export function parsePatch(bytes: Buffer, contentType: string | undefined): ParsedPatch {
  const type = bodyType(contentType);
  if (type === APPLY_PATCH) return parseConfiguration(bytes);
  if (!(type in PATCH_TYPES)) throw new ApiError("UnsupportedMediaType", "415: Unsupported Media Type", {});
  const text = bytes.toString("utf8");
  const { value: body, keys } = parsePatchJson(text);
  const patchType = PATCH_TYPES[type as keyof typeof PATCH_TYPES];
  if (patchType !== "json") {
    const strictErrors = duplicateKeys(text, keys).map((path) => `duplicate field "${path}"`);
    return { patch: { type: patchType, body }, strictErrors };
  }
  if (!Array.isArray(body)) {
    const what = body === null ? "null" : typeof body;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${what} into Go value of type []handlers.jsonPatchOp`,
    );
  }
  return { patch: { type: "json", body }, strictErrors: [] };
}

/** An apply configuration is YAML, or JSON, which YAML contains. */
function parseConfiguration(bytes: Buffer): ParsedPatch {
  try {
    const { value, repeated } = readYaml(bytes.toString("utf8"));
    const strictErrors = repeated.map(
      ({ key, line }) => `line ${line}: key ${JSON.stringify(key)} already set in map`,
    );
    return { patch: { type: "apply", body: value }, strictErrors };
  } catch (error) {
    if (!(error instanceof YamlSyntaxError)) throw error;
    throw badRequest(`error decoding YAML: error converting YAML to JSON: ${error.message}`);
  }
}

function parsePatchJson(text: string): ReturnType<typeof parseCountedJson> {
  try {
    return parseCountedJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw badRequest(`error decoding patch: ${error.message}`);
  }
}
