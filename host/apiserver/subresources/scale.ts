import type { Kind } from "../../api/kind.ts";
import { deepCopy, isObject } from "../../apimachinery/copy.ts";
import { ApiError, badRequest, conflict } from "../../apimachinery/errors.ts";
import { invalid, invalidObject } from "../../apimachinery/field-error.ts";
import { formatLabelSelector, labelSelectorFromObject } from "../../apimachinery/selectors.ts";
import type { Patch } from "../../client/client.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import type { AnyObject, View } from "../storage/view.ts";
import { change } from "../verbs/change.ts";
import { get } from "../verbs/get.ts";
import { applyPatch } from "../verbs/patch.ts";

const SCALE = { group: "autoscaling", plural: "scales", kind: "Scale" };

interface Scalable {
  readonly spec?: { readonly replicas?: number; readonly selector?: unknown };
  readonly status?: { readonly replicas?: number };
}

/** `autoscaling/v1` Scale as a window on the parent's replicas (api-wire 18). */
export function scaleOf(kind: Kind, parent: AnyObject): AnyObject {
  const { spec, status } = parent as AnyObject & Scalable;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = parent.metadata ?? {};
  const replicas = spec?.replicas ?? 0;
  const selector = selectorText(kind, spec?.selector);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: status?.replicas ?? 0, ...(selector === "" ? {} : { selector }) },
  };
}

/** A ReplicationController's selector is a bare map, the others' a LabelSelector. */
function selectorText(kind: Kind, selector: unknown): string {
  if (!isObject(selector)) return "";
  const object = kind.plural === "replicationcontrollers" ? { matchLabels: selector } : selector;
  return formatLabelSelector(labelSelectorFromObject(object));
}

export async function getScale(api: Api, target: Target): Promise<AnyObject> {
  return scaleOf(target.kind, (await get(api, target)).object);
}

/** PUT of a Scale, or a patch on it; writes the parent. */
export async function setScale(
  api: Api,
  target: Target,
  wanted: { readonly scale: unknown } | { readonly patch: Patch },
  context: WriteContext,
): Promise<AnyObject> {
  const produce = (current: View): AnyObject => {
    const before = scaleOf(target.kind, current.object);
    const after = "scale" in wanted ? wanted.scale : patchScale(api, target, wanted.patch, before);
    const replicas = wantedReplicas(target, after, current.object);
    const parent = deepCopy(current.object);
    return { ...parent, spec: { ...(parent["spec"] as object | undefined), replicas } };
  };
  const view = await change(
    api,
    { ...target, subresource: undefined },
    { produce, replace: false, through: "scale" },
    context,
  );
  return scaleOf(target.kind, view.object);
}

function patchScale(api: Api, target: Target, patch: Patch, before: AnyObject): unknown {
  if (patch.type === "apply") {
    const what =
      "server-side apply of a Scale is not implemented by this server yet; apply or patch its parent";
    throw new ApiError("UnsupportedMediaType", what);
  }
  const kind = { ...target.kind, type: "autoscaling.v1.Scale" };
  return applyPatch(api, { ...target, kind }, patch, before);
}

function wantedReplicas(target: Target, scale: unknown, parent: AnyObject): number {
  if (!isObject(scale)) throw badRequest("the object provided is unrecognized (must be of type Scale)");
  const { metadata, spec } = scale as { metadata?: AnyObject["metadata"]; spec?: { replicas?: unknown } };
  if (metadata?.resourceVersion && metadata.resourceVersion !== parent.metadata?.resourceVersion) {
    throw conflict(target.kind, target.name);
  }
  if (metadata?.name && metadata.name !== target.name) {
    const why = `the name of the object (${metadata.name}) does not match the name on the URL (${target.name})`;
    throw badRequest(why);
  }
  const replicas = spec?.replicas ?? 0;
  if (!Number.isInteger(replicas)) {
    const type = typeof replicas === "number" ? `number ${replicas}` : typeof replicas;
    throw badRequest(
      `Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal ${type} ` +
        "into Go struct field ScaleSpec.spec.replicas of type int32",
    );
  }
  if ((replicas as number) < 0) {
    const why = "must be greater than or equal to 0";
    throw invalidObject(SCALE, target.name, [invalid("spec.replicas", replicas, why)]);
  }
  return replicas as number;
}
