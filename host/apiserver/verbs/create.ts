import type { Kind } from "../../api/kind.ts";
import { validateMetadata } from "../../api/metadata.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepCopy } from "../../apimachinery/copy.ts";
import { alreadyExists, forbidden, internalError } from "../../apimachinery/errors.ts";
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
import { bornMetadata, freshMetadata } from "./object-metadata.ts";

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
  decoded.metadata = freshMetadata(kind, decoded.metadata ?? {}, namespace, context.dryRun);
  track(api, kind, decoded, context);
  const object = asStored(kind, decoded);
  object.metadata ??= {};
  const { metadata } = object;
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
    object,
  } as const;
  const admitted = (await admit(api, attributes, context)) ?? object;
  const candidate = Object.assign(admitted, { metadata: admitted.metadata ?? {} });
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
  const uid = randomUuid(api.random);
  // Another try with another name begins from the same candidate.
  const object: AnyObject = metadata.name ? candidate : deepCopy(candidate);
  object.metadata = bornMetadata(metadata, generated, uid, formatTime(api.clock.nowMs()));
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

function generateName(api: Api, base: string): string {
  return base.slice(0, MAX_GENERATED_BASE) + randomSuffix(api.random);
}
