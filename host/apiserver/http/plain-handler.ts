import { createHash } from "node:crypto";
import { ApiError } from "../../apimachinery/errors.ts";
import { answerHealth, healthQuestion } from "../../apimachinery/health.ts";
import { METRICS_TYPE } from "../../apimachinery/metrics/registry.ts";
import type { Api } from "../api.ts";
import { AGGREGATED_TYPE, apiVersions, type Discovery, discoveryOf } from "../discovery.ts";
import { type Answer, jsonAnswer, textAnswer } from "./answer.ts";
import { parseAccept, wantsPretty } from "./negotiation.ts";
import { handleOpenApi } from "./openapi-handler.ts";
import type { RequestInfo } from "./request-info.ts";

/** What the paths outside of resources need to know of the server. */
export interface ServerFacts {
  /** `127.0.0.1:6443` */
  readonly address: () => string;
  readonly isReady: () => boolean;
  readonly gitVersion: string;
  /** The page that Prometheus reads. */
  readonly metrics: () => Promise<string>;
}

export interface PlainRequest {
  readonly info: RequestInfo;
  readonly accept?: string;
  readonly userAgent?: string;
  readonly ifNoneMatch?: string;
}

/** Discovery, version, health and metrics: what is asked by path alone. */
export function handlePlain(api: Api, facts: ServerFacts, request: PlainRequest): Answer | Promise<Answer> {
  const { path, query, verb } = request.info;
  const pretty = wantsPretty(query, request.userAgent);
  const json = (value: object | undefined) =>
    value === undefined
      ? pageNotFound()
      : jsonAnswer(200, value, {
          representation: { as: "object", yaml: false },
          pretty,
          include: "Metadata",
          nowMs: 0,
        });
  if (verb !== "get" && verb !== "head") return pageNotFound();
  const discovery = discoveryOf(api);
  const parts = path.split("/").filter(Boolean);
  const [first, second, third, ...more] = parts;
  if (first === "openapi") return handleOpenApi(api, parts.slice(1), request) ?? pageNotFound();
  if (more.length > 0) return pageNotFound();
  switch (first) {
    case undefined:
      return json({ paths: discovery.rootPaths() });
    case "api":
      if (second === undefined)
        return discoveryRoot(discovery, "api", request, () => json(apiVersions(facts.address())));
      return second === "v1" && third === undefined
        ? json(discovery.apiResourceList("", "v1"))
        : pageNotFound();
    case "apis":
      if (second === undefined)
        return discoveryRoot(discovery, "apis", request, () => json(discovery.apiGroupList()));
      return json(
        third === undefined ? discovery.apiGroup(second) : discovery.apiResourceList(second, third),
      );
    case ".well-known":
      return second === "openid-configuration" && third === undefined
        ? json(openIdConfiguration(api, facts))
        : pageNotFound();
    case "openid":
      return second === "v1" && third === "jwks" ? keySet(api, request) : pageNotFound();
    case "version":
      return jsonAnswer(200, versionOf(facts.gitVersion), {
        representation: { as: "object", yaml: false },
        pretty: true,
        include: "Metadata",
        nowMs: 0,
      });
    case "metrics":
      return second === undefined ? metricsPage(facts) : pageNotFound();
    case "healthz":
    case "livez":
    case "readyz":
      return health(first, second, facts, query);
    default:
      return pageNotFound();
  }
}

async function metricsPage(facts: ServerFacts): Promise<Answer> {
  return { code: 200, contentType: METRICS_TYPE, body: await facts.metrics() };
}

/** How others may verify service account tokens without asking (api-policy 2.5). */
function openIdConfiguration(api: Api, facts: ServerFacts): object {
  return {
    issuer: api.serviceAccountTokens.issuers[0],
    jwks_uri: `https://${facts.address()}/openid/v1/jwks`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: api.serviceAccountTokens.algorithms(),
  };
}

const KEY_SET_TYPE = "application/jwk-set+json";

function keySet(api: Api, { accept }: PlainRequest): Answer {
  const wanted = parseAccept(accept ?? "*/*").map(({ type }) => type);
  if (!wanted.some((type) => type === KEY_SET_TYPE || type === "*/*" || type === "application/*"))
    throw new ApiError("NotAcceptable", `only the following media types are accepted: ${KEY_SET_TYPE}`, {});
  return {
    code: 200,
    contentType: KEY_SET_TYPE,
    body: JSON.stringify(api.serviceAccountTokens.jwks()),
    headers: { "Cache-Control": "public, max-age=3600" },
  };
}

export function pageNotFound(): Answer {
  return textAnswer(404, "404 page not found\n");
}

/** Both forms of `/api` and `/apis`; the aggregated one is revalidated by its tag. */
function discoveryRoot(
  discovery: Discovery,
  root: "api" | "apis",
  request: PlainRequest,
  plain: () => Answer,
): Answer {
  let known = false;
  for (const { type, parameters } of parseAccept(request.accept ?? "*/*")) {
    if (!["application/json", "application/vnd.kubernetes.protobuf", "*/*", "application/*"].includes(type))
      continue;
    known = true;
    const as = parameters.get("as");
    if (as === undefined) return plain();
    const wanted = parameters.get("g") === "apidiscovery.k8s.io" && parameters.get("v") === "v2";
    if (type !== "application/json" || as !== "APIGroupDiscoveryList" || !wanted) continue;
    const { body, etag } = discovery.aggregated(root);
    const headers = { ETag: etag, Vary: "Accept", "Cache-Control": "public" };
    if (request.ifNoneMatch === etag) return { code: 304, contentType: AGGREGATED_TYPE, body: "", headers };
    return { code: 200, contentType: AGGREGATED_TYPE, body, headers };
  }
  const accepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
  const what = known
    ? `only the following media types are accepted: ${accepted}`
    : `406: Not Acceptable\n\nAvailable representations: ${accepted}`;
  throw new ApiError("NotAcceptable", what, {});
}

function health(
  check: string,
  single: string | undefined,
  facts: ServerFacts,
  query: URLSearchParams,
): Answer {
  const checks = [
    { name: "ping", ok: true },
    { name: "store", ok: true },
    ...(check === "livez" ? [] : [{ name: "poststarthook/bootstrap", ok: facts.isReady() }]),
  ];
  const answer = answerHealth(check, checks, healthQuestion(single, query));
  return answer === undefined ? pageNotFound() : textAnswer(answer.code, answer.body);
}

/** Clients insist on a semantic version and numbers; the rest is shown to people. */
function versionOf(gitVersion: string): object {
  return {
    major: "1",
    minor: "36",
    emulationMajor: "1",
    emulationMinor: "36",
    minCompatibilityMajor: "1",
    minCompatibilityMinor: "35",
    gitVersion,
    gitCommit: createHash("sha1").update(gitVersion).digest("hex"),
    gitTreeState: "clean",
    buildDate: "2026-01-01T00:00:00Z",
    goVersion: `node ${process.version}`,
    compiler: "tsc",
    platform: `${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
  };
}
