import { ageColumn, integerColumn, nameColumn } from "../../api/columns.ts";
import type { V1Binding, V1Pod, V1Scale } from "../../api/generated/types.ts";
import type { Column, Kind } from "../../api/kind.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import type { Api, Target } from "../api.ts";
import { connectProxy } from "../connect/connect-proxy.ts";
import { isSimulated } from "../connect/kubelet-endpoint.ts";
import { kubeletLog } from "../connect/kubelet-log.ts";
import { connectPod } from "../connect/pod-streams.ts";
import { type AnyObject, encodeObject, View } from "../storage/view.ts";
import { bind } from "../subresources/binding.ts";
import { withEphemeralContainers } from "../subresources/ephemeral-containers.ts";
import { EVICTION, evict } from "../subresources/eviction.ts";
import { finalizeNamespace } from "../subresources/finalize.ts";
import { podLog } from "../subresources/log.ts";
import { withResize } from "../subresources/resize.ts";
import { getScale, setScale } from "../subresources/scale.ts";
import { requestToken, TOKEN_REQUEST } from "../subresources/token.ts";
import type { ChangeOptions } from "../verbs/change.ts";
import { get } from "../verbs/get.ts";
import { update } from "../verbs/update.ts";
import {
  type Answer,
  jsonAnswer,
  type Presentation,
  statusAnswer,
  textAnswer,
  viewAnswer,
} from "./answer.ts";
import { parsePatch, parseRequestBody } from "./body.ts";
import { followLog } from "./follow-log.ts";
import { readLogOptions } from "./log-options.ts";
import { writeContext } from "./options.ts";
import { isTrue } from "./request-info.ts";
import {
  handlePatch,
  methodNotAllowed,
  noSuchResource,
  present,
  type ResourceRequest,
} from "./resource-handler.ts";

const SCALE = { kind: "Scale", group: "autoscaling", version: "v1", type: "autoscaling.v1.Scale" };
const SCALE_COLUMNS: readonly Column<V1Scale>[] = [
  nameColumn,
  integerColumn("Desired", ({ spec }) => spec?.replicas ?? 0),
  integerColumn("Available", ({ status }) => status?.replicas ?? 0),
  ageColumn,
];
const BINDING = { kind: "Binding", group: "", version: "v1", type: "core.v1.Binding" };

/**
 * `…/name/status` and its siblings. Only what discovery shows is there; the rest is 404.
 *
 * @returns undefined when it was answered as a stream
 */
export async function handleSubresource(
  api: Api,
  target: Target & { readonly subresource: string },
  request: ResourceRequest,
): Promise<Answer | undefined> {
  const { verb } = request.info;
  const declared = target.kind.subresources.find((one) => one.name === target.subresource);
  if (declared === undefined) throw noSuchResource();
  if (!declared.verbs.includes(verb)) throw methodNotAllowed();
  switch (target.subresource) {
    case "status":
    case "approval":
      return handleWhole(api, target, request);
    case "ephemeralcontainers":
      return handleWhole(api, target, request, withEphemeralContainers(target));
    case "resize":
      return handleWhole(api, target, request, withResize(target));
    case "scale":
      return handleScale(api, target, request);
    case "finalize": {
      const body = parseRequestBody(api, target.kind, request.body, request.contentType);
      const context = writeContext(request.info.query, "UpdateOptions", request);
      const view = await finalizeNamespace(api, target, body, context);
      return viewAnswer(200, target.kind, view, present(api, request));
    }
    case "binding": {
      const { value } = parseRequestBody(api, BINDING, request.body, request.contentType);
      const context = writeContext(request.info.query, "CreateOptions", request);
      return statusAnswer(await bind(api, target, value as V1Binding, context), false);
    }
    case "eviction": {
      const body = parseRequestBody(api, EVICTION, request.body, request.contentType);
      const context = writeContext(request.info.query, "CreateOptions", request);
      return statusAnswer(await evict(api, target, body, context), false);
    }
    case "token": {
      const body = parseRequestBody(api, TOKEN_REQUEST, request.body, request.contentType);
      const context = writeContext(request.info.query, "CreateOptions", request);
      return jsonAnswer(201, await requestToken(api, target, body, context), present(api, request));
    }
    case "log": {
      const options = readLogOptions(request.info.query, target.name, api.clock.nowMs());
      const view = await get(api, target);
      const { nodeName } = (view.object as V1Pod).spec ?? {};
      if (nodeName && !(await isSimulated(api, nodeName)))
        return await kubeletLog(api, view.object as V1Pod, nodeName, request.info.query, request.connection);
      if (options.follow) {
        followLog(api, target, view, options, request);
        return undefined;
      }
      return textAnswer(200, podLog(view.object as V1Pod, options));
    }
    case "exec":
    case "attach":
    case "portforward": {
      const { connection, info } = request;
      const { takeSocket } = connection;
      const upgrade = takeSocket && { ...connection, takeOver: takeSocket };
      const { subresource } = target;
      return await connectPod(api, api.kubelets, { ...target, subresource }, info.query, upgrade);
    }
    case "proxy":
      return await connectProxy(api, target, request.connection.url, {
        ...request.connection,
        body: request.body,
      });
    default: {
      const what = `${target.kind.plural}/${target.subresource}`;
      throw new ApiError("", `${what} is not implemented by this server yet`, {}, 501);
    }
  }
}

/** Subresources whose document is the object itself, of which only a part may change. */
async function handleWhole(
  api: Api,
  target: Target,
  request: ResourceRequest,
  prepare?: ChangeOptions["prepare"],
): Promise<Answer> {
  const { info, body, contentType } = request;
  const look = present(api, request);
  const { kind } = target;
  if (info.verb === "get") return viewAnswer(200, kind, await get(api, target), look);
  if (info.verb === "patch") {
    const { view } = await handlePatch(api, target, request, prepare);
    return viewAnswer(200, kind, view, look);
  }
  const context = writeContext(info.query, "UpdateOptions", request);
  const put = parseRequestBody(api, kind, body, contentType);
  const { view } = await update(api, target, put, context, prepare);
  return viewAnswer(200, kind, view, look);
}

async function handleScale(api: Api, target: Target, request: ResourceRequest): Promise<Answer> {
  const { info, body, contentType } = request;
  const look = present(api, request);
  if (info.verb === "get") return scaleAnswer(target.kind, await getScale(api, target), look);
  if (info.verb === "patch") {
    const { patch } = parsePatch(body, contentType);
    const context = writeContext(info.query, "PatchOptions", request, patch.type === "apply");
    const force = isTrue(info.query.get("force"));
    const wanted = { patch: patch.type === "apply" ? { ...patch, force } : patch };
    return scaleAnswer(target.kind, await setScale(api, target, wanted, context), look);
  }
  const context = writeContext(info.query, "UpdateOptions", request);
  const { value } = parseRequestBody(api, SCALE, body, contentType);
  return scaleAnswer(target.kind, await setScale(api, target, { scale: value }, context), look);
}

/** A Scale has columns of its own, whatever it scales. Source: Kubernetes' printers. */
function scaleAnswer(parent: Kind, scale: AnyObject, look: Presentation): Answer {
  const kind: Kind = { ...parent, columns: SCALE_COLUMNS, rowConditions: undefined };
  const revision = Number(scale.metadata?.resourceVersion ?? 0);
  return viewAnswer(200, kind, new View(encodeObject(scale), revision), look);
}
