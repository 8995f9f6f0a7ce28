import type { Kind } from "../../api/kind.ts";
import { validateMetadata } from "../../api/metadata.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepCopy } from "../../apimachinery/copy.ts";
import { ApiError, alreadyExists, badRequest, forbidden, internalError } from "../../apimachinery/errors.ts";
import { type FieldError, invalidObject } from "../../apimachinery/field-error.ts";
import type { ObjectMeta } from "../../apimachinery/object.ts";
import { randomSuffix, randomUuid } from "../../apimachinery/random.ts";
import { admit, approve } from "../admission/chain.ts";
import type { Api, WriteContext } from "../api.ts";
import { type Body, decodeBody } from "../decode-body.ts";
import { dropDisabledFields } from "../disabled-fields.ts";
import { trackCreate } from "../managed-fields/track.ts";
import { asServed, asStored } from "../storage/convert.ts";
import { storageKind } from "../storage/keys.ts";
import { type AnyObject, encodeObject, View } from "../storage/view.ts";

/** Draws of a generated name before the collision is the caller's to know. */
const MAX_NAME_TRIES = 8;
/** Numbers drawn for a Service before it is given up: each that was lost is one that another Service got. */
const MAX_DRAWS = 64;
const MAX_GENERATED_BASE = 58;

/**
 * POST: decode, track, admit, prepare, validate, allocate, put. Source: api-policy 1.3.
 *
 * @param track  who comes to own the fields; the creator owns what was said, unless it was applied
 */
export async function create(
  api: Api,
  kind: Kind,
  namespace: string | undefined,
  body: Body,
  context: WriteContext,
  track: typeof trackCreate = trackCreate,
): Promise<View> {
  const decoded = decodeBody(api, kind, body, context);
  const target = storageKind(kind);
  const said = {
    ...decoded,
    metadata: freshMetadata(kind, decoded.metadata ?? {}, namespace, context.dryRun),
  };
  track(api, kind, said, context);
  const object = asStored(kind, said);
  const metadata = object.metadata ?? {};
  const name = metadata.name || metadata.generateName || "";
  if (kind.terminating) {
    const why = "create not allowed while custom resource definition is terminating";
    throw forbidden(kind, name, why);
  }
  const { namespace: within } = metadata;
  const attributes = {
    verb: "create",
    kind: target,
    asked: kind,
    namespace: within,
    name,
    object: { ...object, metadata },
  } as const;
  const admitted = (await admit(api, attributes, context)) ?? attributes.object;
  const candidate = { ...admitted, metadata: admitted.metadata ?? {} };
  for (let tries = 1; ; tries++) {
    const view = await tryCreate(api, kind, candidate, context);
    if (view !== undefined) return view.as(kind);
    const { name: fixed, generateName: base } = candidate.metadata;
    if (fixed || !base || tries === MAX_NAME_TRIES) throw alreadyExists(kind, fixed ?? name);
  }
}

/** @returns undefined when the name is taken */
async function tryCreate(
  api: Api,
  kind: Kind,
  candidate: AnyObject & { metadata: ObjectMeta },
  context: WriteContext,
): Promise<View | undefined> {
  const target = storageKind(kind);
  const { metadata } = candidate;
  const generated = metadata.generateName ? generateName(api, metadata.generateName) : "";
  const object: AnyObject = {
    // Another try with another name begins from the same candidate.
    ...(metadata.name ? candidate : deepCopy(candidate)),
    metadata: {
      name: metadata.name || generated,
      ...without(metadata, "name"),
      uid: randomUuid(api.random),
      creationTimestamp: formatTime(api.clock.nowMs()),
    },
  };
  // Name and uid are known: a Job's selector is made of them.
  dropDisabledFields(api.featureGates, target, object);
  target.prepareCreate?.(object);
  const reference = { namespace: metadata.namespace, name: object.metadata?.name ?? "" };
  const errors = [...validateMetadata(target, object), ...objectErrors(kind, object)];
  if (errors.length > 0) throw invalidObject(target, reference.name, errors);
  for (const text of target.warnings?.(object) ?? []) context.warn(text);
  const { name, namespace } = reference;
  const attributes = { verb: "create", kind: target, asked: kind, namespace, name, object } as const;
  await approve(api, attributes, context);
  for (let tries = 0; tries < MAX_DRAWS; tries++) {
    const reservation = api.services.reserve(target, object);
    try {
      const created = context.dryRun
        ? await dryRunCreate(api, target, reference, object)
        : await api.objects.create(target, reference, object);
      if (created === "exists") return undefined;
      if (created !== "taken") return created;
    } finally {
      reservation.release();
    }
    // Another API server was faster. Its number is known now: another is drawn, or the one asked for is refused.
    reservation.revert();
  }
  throw internalError("failed to allocate: other API servers were faster each time");
}

async function dryRunCreate(
  api: Api,
  kind: Kind,
  reference: { namespace?: string; name: string },
  object: AnyObject,
): Promise<View | "exists"> {
  if (await api.objects.find(kind, reference)) return "exists";
  return new View(encodeObject(object), 0, object);
}

/** A custom resource is judged by the version it was sent in, every other kind by the one it is stored in. */
function objectErrors(kind: Kind, stored: AnyObject): FieldError[] {
  const target = storageKind(kind);
  if (kind.custom === undefined)
    return [...(target.validate?.(stored) ?? []), ...(kind.validateCreate?.(asServed(kind, stored)) ?? [])];
  return kind.validate?.(asServed(kind, stored)) ?? [];
}

/** What a client may say of the metadata of a new object; the rest is the server's. */
function freshMetadata(
  kind: Kind,
  said: ObjectMeta,
  namespace: string | undefined,
  dryRun: boolean,
): ObjectMeta {
  if (said.resourceVersion && !dryRun) {
    throw new ApiError("", "resourceVersion should not be set on objects to be created");
  }
  if (kind.namespaced && said.namespace && namespace && said.namespace !== namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  const metadata: ObjectMeta = { ...said };
  for (const field of [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "namespace",
    "managedFields",
  ] as const) {
    delete metadata[field];
  }
  dropSelfLink(metadata);
  const { name, generateName: base, ...rest } = metadata;
  return {
    ...(name ? { name } : {}),
    ...(base ? { generateName: base } : {}),
    ...(kind.namespaced && (namespace || said.namespace) ? { namespace: namespace || said.namespace } : {}),
    ...rest,
  };
}

/** What Kubernetes does not know any more. */
export function dropSelfLink(metadata: ObjectMeta & { selfLink?: string }): void {
  delete metadata.selfLink;
}

function generateName(api: Api, base: string): string {
  return base.slice(0, MAX_GENERATED_BASE) + randomSuffix(api.random);
}

function without<T extends object, K extends keyof T>(object: T, field: K): Omit<T, K> {
  const { [field]: _, ...rest } = object;
  return rest;
}
