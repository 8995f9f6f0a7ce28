import type { Kind } from "../../api/kind.ts";
import { validateMetadataUpdate } from "../../api/metadata.ts";
import { ApiError, badRequest, conflict, qualifiedResource } from "../../apimachinery/errors.ts";
import { type FieldError, invalidObject } from "../../apimachinery/field-error.ts";
import type { ObjectMeta } from "../../apimachinery/object.ts";
import { admit, approve } from "../admission/chain.ts";
import { keepAllocated } from "../allocators/services.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import { dropDisabledFields } from "../disabled-fields.ts";
import { keepTimes, trackUpdate } from "../managed-fields/track.ts";
import { asServed, asStored } from "../storage/convert.ts";
import { storageKey, storageKind } from "../storage/keys.ts";
import type { UpdateStep } from "../storage/objects.ts";
import type { AnyObject, View } from "../storage/view.ts";
import { keptMetadata } from "./object-metadata.ts";

export interface ChangeOptions {
  /** The wanted object in the request's version, a private copy; called again after a lost race. */
  readonly produce: (current: View) => AnyObject | Promise<AnyObject>;
  /** Whether this is a PUT, where uid and resourceVersion are preconditions of their own kind. */
  readonly replace: boolean;
  /** Of a subresource that is its own rule and its own validation. Absent: the kind's, or "only status". */
  readonly prepare?: (next: AnyObject, old: AnyObject) => AnyObject;
  readonly maxTries?: number;
  /** The subresource it came through, where that is a window on the object and not a part of it. */
  readonly through?: string;
  /** The produced object says itself who owns its fields: it was applied. */
  readonly tracked?: true;
}

/** Every change of a stored object goes through here: merge, admit, prepare, validate, compare-and-swap. */
export async function change(
  api: Api,
  target: Target,
  options: ChangeOptions,
  context: WriteContext,
): Promise<View> {
  const { kind } = target;
  const outcome = await api.objects.update(
    kind,
    target,
    async (current) => {
      const before = current.as(kind).object;
      const produced = await options.produce(current.as(kind));
      requireSameIdentity(target, produced);
      const [said, had] = [produced.metadata ?? {}, before.metadata ?? {}];
      requirePreconditions(target, said, had, options.replace);
      const next: AnyObject = { ...produced, metadata: keptMetadata(said, had) };
      if (!options.tracked) {
        const asked = { ...target, subresource: options.through ?? target.subresource };
        trackUpdate(api, asked, next, before, context);
      }
      // A default that its schema has come to have since is no change.
      const old = kind.custom === undefined ? current.object : asStored(kind, before);
      return step(api, target, asStored(kind, next), old, options, context);
    },
    context.dryRun,
    options.maxTries,
  );
  return outcome.view.as(kind);
}

async function step(
  api: Api,
  target: Target,
  next: AnyObject,
  old: AnyObject,
  options: ChangeOptions,
  context: WriteContext,
): Promise<UpdateStep> {
  const kind = storageKind(target.kind);
  const { namespace, name, subresource } = target;
  const about = { verb: "update", kind, asked: target.kind, namespace, name, subresource, old } as const;
  const admitted = (await admit(api, { ...about, object: next }, context)) ?? next;
  let prepared = admitted;
  if (options.prepare !== undefined) prepared = options.prepare(admitted, old);
  else if (subresource === "status" || subresource === "approval") kind.prepareStatusUpdate?.(admitted, old);
  else {
    keepAllocated(kind, admitted, old);
    dropDisabledFields(api.featureGates, kind, admitted, old);
    kind.prepareUpdate?.(admitted, old);
  }
  const errors = validateMetadataUpdate(kind, prepared, old);
  // A subresource with a rule of its own may change just what the main resource may not.
  if (options.prepare === undefined) {
    errors.push(...changeErrors(target.kind, prepared, old));
  }
  if (errors.length > 0) throw invalidObject(kind, name, errors);
  if (subresource === undefined && isSpecChanged(prepared, old))
    for (const text of kind.warnings?.(prepared, old) ?? []) context.warn(text);
  await approve(api, { ...about, object: prepared }, context);
  keepTimes(prepared, old);
  if (isFinished(prepared, old)) return { kind: "remove", object: prepared };
  const { release } = api.services.reserve(kind, prepared, old);
  return { kind: "put", object: prepared, release };
}

/** Where the kind tells: whoever only changed a label has been warned before. */
function isSpecChanged(next: AnyObject, old: AnyObject): boolean {
  const { generation } = next.metadata ?? {};
  return generation === undefined || generation !== old.metadata?.generation;
}

/**
 * What is wrong with a change. A custom resource is judged by the version it was sent in, and what it had wrong before is no
 * reason to refuse: its rules compare both states at once.
 */
function changeErrors(kind: Kind, next: AnyObject, old: AnyObject): FieldError[] {
  if (kind.custom !== undefined)
    return kind.validateUpdate?.(asServed(kind, next), asServed(kind, old)) ?? [];
  const stored = storageKind(kind);
  const wrong = stored.validate?.(next) ?? [];
  // What an object had wrong before there was a rule for it is no reason to refuse its next change.
  const before = wrong.length === 0 ? [] : (stored.validate?.(old) ?? []);
  const isNew = ({ field, message }: FieldError) =>
    !before.some((one) => one.field === field && one.message === message);
  return [...wrong.filter(isNew), ...(stored.validateUpdate?.(next, old) ?? [])];
}

/** Terminating, no grace left, no finalizer left: the change that got it here also removes it. */
function isFinished(next: AnyObject, old: AnyObject): boolean {
  if (old.metadata?.deletionTimestamp === undefined || old.metadata.deletionGracePeriodSeconds) return false;
  if (next.metadata?.finalizers?.length) return false;
  const held = (next["spec"] as { finalizers?: unknown } | undefined)?.finalizers;
  return !(next.kind === "Namespace" && Array.isArray(held) && held.length > 0);
}

function requireSameIdentity({ kind, namespace, name }: Target, object: AnyObject): void {
  const said = object.metadata ?? {};
  if (!said.name) {
    const why = `the name of the object (${name} based on URL) was undeterminable: name must be provided`;
    throw badRequest(why);
  }
  if (said.name !== name) {
    throw badRequest(`the name of the object (${said.name}) does not match the name on the URL (${name})`);
  }
  if (!kind.namespaced) return;
  if (said.namespace && said.namespace !== namespace) {
    throw badRequest(
      `the namespace of the object (${said.namespace}) does not match the namespace on the request (${namespace})`,
    );
  }
  said.namespace = namespace;
}

function requirePreconditions(target: Target, next: ObjectMeta, old: ObjectMeta, replace: boolean): void {
  const { kind, name } = target;
  if (replace && next.uid && next.uid !== old.uid) {
    const why =
      `StorageError: invalid object, Code: 4, Key: ${storageKey(kind, target)}, ResourceVersion: 0, ` +
      `AdditionalErrorMsg: Precondition failed: UID in precondition: ${next.uid}, UID in object meta: ${old.uid}`;
    throw conflict(kind, name, why);
  }
  if (next.resourceVersion) {
    if (!/^\d+$/.test(next.resourceVersion)) {
      const quoted = JSON.stringify(next.resourceVersion);
      throw new ApiError("", `strconv.ParseUint: parsing ${quoted}: invalid syntax`);
    }
    if (next.resourceVersion !== old.resourceVersion && next.resourceVersion !== "0") {
      throw conflict(kind, name);
    }
  } else if (replace && kind.requiresResourceVersion) {
    const message = "Invalid value: 0: must be specified for an update";
    throw new ApiError(
      "Invalid",
      `${qualifiedResource(kind)} "${name}" is invalid: metadata.resourceVersion: ${message}`,
      {
        name,
        ...(kind.group === "" ? {} : { group: kind.group }),
        kind: kind.plural,
        causes: [{ reason: "FieldValueInvalid", message, field: "metadata.resourceVersion" }],
      },
    );
  }
}
