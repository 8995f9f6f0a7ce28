import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { deepCopy, getOwn, isObject } from "../../apimachinery/copy.ts";
import { badRequest, conflict, internalError } from "../../apimachinery/errors.ts";
import { invalid, invalidObject } from "../../apimachinery/field-error.ts";
import { formatLabelSelector, labelSelectorFromObject } from "../../apimachinery/selectors.ts";
import type { Patch } from "../../client/client.ts";
import { admitDocument } from "../admission/dynamic/admit-document.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import type { AnyObject, View } from "../storage/view.ts";
import { applyTo, type Configuration, requireConfiguration, requireTyped } from "../verbs/apply.ts";
import { change } from "../verbs/change.ts";
import { get } from "../verbs/get.ts";
import { applyPatch, type StepPatch } from "../verbs/patch.ts";

const SCALE = {
  group: "autoscaling",
  version: "v1",
  plural: "scales",
  kind: "Scale",
  type: "autoscaling.v1.Scale",
};

interface Scalable {
  readonly spec?: { readonly replicas?: number; readonly selector?: unknown };
  readonly status?: { readonly replicas?: number };
}

/** `autoscaling/v1` Scale as a window on the parent's replicas (api-wire 18). */
export function scaleOf(kind: Kind, parent: AnyObject): AnyObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = parent.metadata ?? {};
  const { wanted, is, selector } =
    kind.custom === undefined ? builtInScale(kind, parent) : customScale(kind, parent);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: wanted === 0 ? {} : { replicas: wanted },
    status: { replicas: is, ...(selector === "" ? {} : { selector }) },
  };
}

interface Replicas {
  readonly wanted: number;
  readonly is: number;
  readonly selector: string;
}

function builtInScale(kind: Kind, parent: AnyObject): Replicas {
  const { spec, status } = parent as AnyObject & Scalable;
  return {
    wanted: spec?.replicas ?? 0,
    is: status?.replicas ?? 0,
    selector: selectorText(kind, spec?.selector),
  };
}

/** A custom resource says in its definition where its replicas stand. Source: api-policy 7.4. */
function customScale(kind: Kind, parent: AnyObject): Replicas {
  const { specReplicas, statusReplicas, labelSelector } = kind.custom!.scale!;
  const wanted = valueAt(parent, specReplicas);
  if (wanted === undefined) {
    throw internalError(`the spec replicas field ".${specReplicas.join(".")}" does not exist`);
  }
  const selector = labelSelector && valueAt(parent, labelSelector);
  return {
    wanted: Number(wanted),
    is: Number(valueAt(parent, statusReplicas) ?? 0),
    selector: typeof selector === "string" ? selector : "",
  };
}

function valueAt(object: AnyObject, path: readonly string[]): unknown {
  return path.reduce<unknown>((one, name) => (isObject(one) ? getOwn(one, name) : undefined), object);
}

/** A copy of the object with the value at the path. */
function withValueAt(object: object, [name = "", ...rest]: readonly string[], value: unknown): AnyObject {
  const inner = (object as AnyObject)[name];
  const next = rest.length === 0 ? value : withValueAt(isObject(inner) ? inner : {}, rest, value);
  return { ...object, [name]: next } as AnyObject;
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
  const path = target.kind.custom?.scale?.specReplicas ?? ["spec", "replicas"];
  const applied = "patch" in wanted && wanted.patch.type === "apply" ? wanted.patch : undefined;
  const config = applied && requireScale(api, target, applied.body);
  const produce = async (current: View): Promise<AnyObject> => {
    const before = scaleOf(target.kind, current.object);
    const next =
      config === undefined
        ? deepCopy(current.object)
        : applyScale(api, { target, config, force: applied?.force === true }, path, current.object, context);
    const after =
      config !== undefined
        ? scaleOf(target.kind, next)
        : "scale" in wanted
          ? wanted.scale
          : patchScale(api, target, wanted.patch as StepPatch, before);
    const said = wantedReplicas(target, after, current.object);
    const scale = await admitScale(api, target, { ...before, spec: { replicas: said } }, before, context);
    return withValueAt(next, path, wantedReplicas(target, scale, current.object));
  };
  const view = await change(
    api,
    { ...target, subresource: undefined },
    { produce, replace: false, through: "scale", ...(config === undefined ? {} : { tracked: true }) },
    // A scale is not an update of its parent, for those who are asked about updates.
    { ...context, isInternal: true },
  );
  return scaleOf(target.kind, view.object);
}

function admitScale(
  api: Api,
  { kind, namespace, name }: Target,
  object: AnyObject,
  old: AnyObject,
  context: WriteContext,
): Promise<AnyObject> {
  const about = { verb: "update", kind, namespace, name, subresource: "scale", targetName: name } as const;
  return admitDocument(api, { ...about, object, old }, context);
}

/** The kind whose fields a Scale has. */
function scaleKind({ kind }: Target): Kind {
  const { group, version, kind: name, type } = SCALE;
  return { ...kind, group, version, kind: name, type, custom: undefined };
}

function requireScale(api: Api, target: Target, body: unknown): AnyObject {
  const kind = scaleKind(target);
  const config = requireConfiguration({ kind }, body);
  requireTyped(api, { target: { ...target, kind }, config, force: false });
  return config;
}

/**
 * Applies what a Scale says to its parent: the manager owns the replicas there, through `scale`. The parent as it then
 * is. Source: k8s.io/apimachinery managedfields ScaleHandler.
 */
function applyScale(
  api: Api,
  { target, config, force }: Configuration,
  path: readonly string[],
  parent: AnyObject,
  context: WriteContext,
): AnyObject {
  const { kind, name, namespace } = target;
  const { replicas } = (config["spec"] ?? {}) as { replicas?: number };
  // What is wrong with the Scale is said of the Scale.
  if (replicas !== undefined) wantedReplicas(target, config, parent);
  const said = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name, namespace } };
  const ofParent = replicas === undefined ? said : withValueAt(said, path, replicas);
  const through = { ...target, subresource: "scale" };
  return applyTo(api, { target: through, config: ofParent as AnyObject, force }, parent, context);
}

function patchScale(api: Api, target: Target, patch: StepPatch, before: AnyObject): unknown {
  const kind = { ...target.kind, type: SCALE.type };
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
    const { custom } = target.kind;
    if (custom !== undefined) {
      const field = `.${custom.scale!.specReplicas.join(".")}`;
      const errors = [invalid(field, replicas, "should be a non-negative integer")];
      throw invalidObject(target.kind, target.name, errors);
    }
    const why = "must be greater than or equal to 0";
    throw invalidObject(SCALE, target.name, [invalid("spec.replicas", replicas, why)]);
  }
  return replicas as number;
}
