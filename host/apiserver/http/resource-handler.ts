import type { IncomingHttpHeaders } from "node:http";
import type { V1Binding } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { Pod } from "../../api/registry.ts";
import { ApiError, badRequest } from "../../apimachinery/errors.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { Api, Target, User } from "../api.ts";
import type { Upgrade } from "../connect/kubelets.ts";
import { createReview, isReview } from "../reviews/reviews.ts";
import { select } from "../selection.ts";
import { bind } from "../subresources/binding.ts";
import type { IncludeObject } from "../tables.ts";
import { apply } from "../verbs/apply.ts";
import type { ChangeOptions } from "../verbs/change.ts";
import { create } from "../verbs/create.ts";
import { remove } from "../verbs/delete.ts";
import { removeCollection } from "../verbs/delete-collection.ts";
import { get } from "../verbs/get.ts";
import { list } from "../verbs/list.ts";
import { patch } from "../verbs/patch.ts";
import type { Turns } from "../verbs/turns.ts";
import { type Updated, update } from "../verbs/update.ts";
import { type Answer, jsonAnswer, type Presentation, statusAnswer, viewAnswer } from "./answer.ts";
import { parsePatch, parseRequestBody } from "./body.ts";
import { listAnswer } from "./list-body.ts";
import { negotiate, wantsPretty } from "./negotiation.ts";
import { deleteOptions, integer, listRequest, selectorsOf, writeContext } from "./options.ts";
import { isTrue, type RequestInfo, type ResourcePath } from "./request-info.ts";
import { handleSubresource } from "./subresource-handler.ts";
import { type RawResponse, streamWatch, type WatchConnection } from "./watch-stream.ts";

/** One request for a resource, authenticated and authorised. */
export interface ResourceRequest extends WatchConnection {
  readonly info: RequestInfo & { readonly resource: ResourcePath };
  readonly user: User;
  readonly body: Buffer;
  readonly contentType?: string;
  readonly accept?: string;
  readonly userAgent?: string;
  readonly warn: (text: string) => void;
  readonly annotate?: (key: string, value: string) => void;
  /** Apart from the API's own, so that what clients do over the wire does not change what is drawn inside. */
  readonly random: Random;
  readonly turns: Turns;
  readonly connection: Connection;
}

/** The request as it came, for what is handed through to others. */
export interface Connection {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Gives what to write an answer to that comes from elsewhere. */
  readonly takeOver: (code: number) => RawResponse;
  /** Absent: the client did not ask for another protocol. */
  readonly takeSocket?: Upgrade["takeOver"];
  readonly onGone: (listener: () => void) => void;
}

/** Serves a request for a resource. @returns undefined when it was answered as a stream, "unknown" for a foreign group */
export function handleResource(api: Api, request: ResourceRequest): Promise<Answer | undefined> | "unknown" {
  const { resource, verb } = request.info;
  const kind = api.kinds.find(resource.group, resource.version, resource.plural);
  if (kind === undefined) {
    if (!api.kinds.all.some((one) => one.group === resource.group)) return "unknown";
    throw noSuchResource();
  }
  if (resource.namespace !== undefined && !kind.namespaced) throw noSuchResource();
  const { name, namespace, subresource } = resource;
  if (kind.namespaced && namespace === undefined && name !== undefined) throw noSuchResource();
  if (name !== undefined && subresource !== undefined) {
    return handleSubresource(api, { kind, namespace, name, subresource }, request);
  }
  warnOfDeprecation(kind, request);
  requireMethod(kind, verb, name, namespace);
  if (name === undefined) return handleCollection(api, kind, namespace, request);
  return handleItem(api, { kind, namespace, name }, request);
}

export function noSuchResource(): ApiError {
  return new ApiError("NotFound", "the server could not find the requested resource", {});
}

export function methodNotAllowed(): ApiError {
  return new ApiError(
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
    {},
  );
}

/** Source: api-policy 1.4. */
function warnOfDeprecation(kind: Kind, request: ResourceRequest): void {
  if (kind.deprecation !== undefined) request.warn(kind.deprecation);
  if (kind.group !== "") return;
  if (kind.plural === "endpoints") {
    request.warn("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice");
  }
  if (kind.plural === "componentstatuses") request.warn("v1 ComponentStatus is deprecated in v1.19+");
}

const ON_COLLECTION = new Set(["list", "watch", "create", "deletecollection"]);

function requireMethod(kind: Kind, verb: string, name?: string, namespace?: string): void {
  const fits =
    name === undefined
      ? ON_COLLECTION.has(verb)
      : verb === "watch" || (verb !== "create" && !ON_COLLECTION.has(verb));
  if (!fits || !kind.verbs.includes(verb)) throw methodNotAllowed();
  const needsNamespace = verb === "create" || verb === "deletecollection";
  if (kind.namespaced && namespace === undefined && needsNamespace) throw methodNotAllowed();
}

export function present(api: Api, request: ResourceRequest): Presentation {
  const { query } = request.info;
  return {
    representation: negotiate(request.accept),
    pretty: wantsPretty(query, request.userAgent),
    include: includeObject(query),
    nowMs: api.clock.nowMs(),
  };
}

function includeObject(query: URLSearchParams): IncludeObject {
  const asked = query.get("includeObject") ?? "";
  if (asked === "" || asked === "Metadata") return "Metadata";
  if (asked === "None" || asked === "Object") return asked;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(asked)}`);
}

async function handleCollection(
  api: Api,
  kind: Kind,
  namespace: string | undefined,
  request: ResourceRequest,
): Promise<Answer | undefined> {
  const { query, verb } = request.info;
  const look = present(api, request);
  if (verb === "create") {
    const context = writeContext(query, "CreateOptions", request);
    const body = parseRequestBody(api, kind, request.body, request.contentType);
    if (isReview(kind)) {
      if (look.representation.as === "Table") throw negotiationError();
      return jsonAnswer(201, await createReview(api, kind, namespace, body, context), look);
    }
    if (kind.group === "" && kind.plural === "bindings") {
      const binding = body.value as V1Binding;
      const pod = { kind: Pod as unknown as Kind, namespace, name: binding.metadata?.name ?? "" };
      return statusAnswer(await bind(api, pod, binding, context), look.pretty);
    }
    return viewAnswer(201, kind, await create(api, kind, namespace, body, context), look);
  }
  const selection = select(kind, namespace, selectorsOf(query));
  if (verb === "list") {
    return listAnswer(api, await list(api, selection, listRequest(query), request.turns), look);
  }
  if (verb === "watch") {
    handleWatch(api, kind, namespace, request, look);
    return undefined;
  }
  const { options, context } = readDelete(api, request);
  const deleted = await removeCollection(api, selection, listRequest(query), options, context);
  return listAnswer(api, deleted, look);
}

function negotiationError(): ApiError {
  const accepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
  return new ApiError("NotAcceptable", `only the following media types are accepted: ${accepted}`, {});
}

/** Watches end by themselves after 30 to 60 minutes, so that connections are spread anew (api-wire 12). */
const MIN_WATCH_SECONDS = 1800;

function handleWatch(
  api: Api,
  kind: Kind,
  namespace: string | undefined,
  request: ResourceRequest,
  look: Presentation,
): void {
  const { query } = request.info;
  const asked = integer(query.get("timeoutSeconds") || "0");
  const seconds = asked > 0 ? asked : MIN_WATCH_SECONDS + request.random.below(MIN_WATCH_SECONDS);
  const options = {
    ...listRequest(query),
    allowWatchBookmarks: isTrue(query.get("allowWatchBookmarks")),
    timeoutMs: seconds * 1000,
  };
  const selection = select(kind, namespace, selectorsOf(query));
  streamWatch(api, selection, options, look, request);
}

async function handleItem(api: Api, target: Target, request: ResourceRequest): Promise<Answer | undefined> {
  const { info, body, contentType } = request;
  const { query, verb } = info;
  const { kind } = target;
  const look = present(api, request);
  switch (verb) {
    case "get":
      return viewAnswer(200, kind, await get(api, target, query.get("resourceVersion") ?? undefined), look);
    case "watch":
      handleWatch(api, kind, target.namespace, request, look);
      return undefined;
    case "update": {
      const context = writeContext(query, "UpdateOptions", request);
      const { view, created } = await update(
        api,
        target,
        parseRequestBody(api, kind, body, contentType),
        context,
      );
      return viewAnswer(created ? 201 : 200, kind, view, look);
    }
    case "patch": {
      const { view, created } = await handlePatch(api, target, request);
      return viewAnswer(created ? 201 : 200, kind, view, look);
    }
    case "delete": {
      const { options, context } = readDelete(api, request);
      const deleted = await remove(api, target, options, context);
      if ("view" in deleted) return viewAnswer(200, kind, deleted.view, look);
      return { ...statusAnswer(deleted.status, look.pretty), code: 200 };
    }
    default:
      throw methodNotAllowed();
  }
}

/** PATCH of an object or of a subresource that is a part of it. */
export async function handlePatch(
  api: Api,
  target: Target,
  request: ResourceRequest,
  prepare?: ChangeOptions["prepare"],
): Promise<Updated> {
  const { query } = request.info;
  const { patch: patched, strictErrors } = parsePatch(request.body, request.contentType);
  const context = writeContext(query, "PatchOptions", request, patched.type === "apply");
  if (patched.type !== "apply") {
    return { view: await patch(api, target, patched, strictErrors, context, prepare), created: false };
  }
  const force = isTrue(query.get("force"));
  return apply(api, target, { value: patched.body, strictErrors }, force, context, prepare);
}

const DELETE_OPTIONS = {
  kind: "DeleteOptions",
  group: "meta.k8s.io",
  version: "v1",
  type: "meta.DeleteOptions",
};

function readDelete(api: Api, request: ResourceRequest) {
  const { info, body, contentType } = request;
  const parsed =
    body.length > 0 ? parseRequestBody(api, DELETE_OPTIONS, body, contentType) : { value: undefined };
  const { dryRunAll, ...options } = deleteOptions(parsed.value, info.query);
  const query = new URLSearchParams(info.query);
  for (const one of dryRunAll) query.append("dryRun", one);
  return { options, context: writeContext(query, "DeleteOptions", request) };
}
