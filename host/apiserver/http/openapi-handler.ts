import type { Api } from "../api.ts";
import { openApiV2 } from "../openapi/v2.ts";
import { openApiV3Document, openApiV3Index } from "../openapi/v3.ts";
import { type Answer, textAnswer } from "./answer.ts";
import { parseAccept } from "./negotiation.ts";
import type { PlainRequest } from "./plain-handler.ts";

/** Clients also ask for it with `@` in it, which no media type may have. Source: kube-openapi handler.go. */
const PROTOBUF_V2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/**
 * gnostic's Document with `swagger: "2.0"` and nothing else. kubectl reads this form only to learn that a kind which the
 * third version does not know is unknown here too; then it says so in its own words.
 */
const EMPTY_PROTOBUF_V2 = Buffer.from([0x0a, 0x03, 0x32, 0x2e, 0x30]);

const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

/** `/openapi/v2` and `/openapi/v3/…`, revalidated by hash. @returns undefined for an unknown path. Source: api-wire 5 */
export function handleOpenApi(api: Api, path: readonly string[], request: PlainRequest): Answer | undefined {
  const [version, ...rest] = path;
  if (version === "v2" && rest.length === 0) {
    if (!acceptsJson(request.accept)) {
      return { code: 200, contentType: PROTOBUF_V2, body: EMPTY_PROTOBUF_V2 };
    }
    const { body, hash } = openApiV2(api.schema, api.kinds.all);
    return cached(request, "application/json", body, hash, {});
  }
  if (version !== "v3") return undefined;
  if (rest.length === 0) {
    const { body } = openApiV3Index(api.kinds.all, api.apiServices.versions);
    return textAnswer(200, body);
  }
  const document = openApiV3Document(api.schema, api.kinds.all, rest.join("/"));
  if (document === undefined) return undefined;
  const named = request.info.query.get("hash") === document.hash;
  const immutable = {
    "Cache-Control": "public, immutable",
    Expires: new Date(api.clock.nowMs() + YEAR_MS).toUTCString(),
  };
  return cached(request, "application/json", document.body, document.hash, named ? immutable : {});
}

function cached(
  request: PlainRequest,
  contentType: string,
  body: string,
  hash: string,
  more: Readonly<Record<string, string>>,
): Answer {
  const etag = `"${hash}"`;
  const headers = { ETag: etag, Vary: "Accept", ...more };
  if (request.ifNoneMatch === etag) return { code: 304, contentType, body: "", headers };
  return { code: 200, contentType, body, headers };
}

function acceptsJson(accept: string | undefined): boolean {
  const json = ["application/json", "*/*", "application/*"];
  return parseAccept(accept ?? "*/*").some(({ type }) => json.includes(type));
}
