import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { deepCopy, isObject } from "../../apimachinery/copy.ts";
import { ApiError, badRequest, isReason } from "../../apimachinery/errors.ts";
import { invalid, invalidObject } from "../../apimachinery/field-error.ts";
import { type Owners, storedOwners, writeOwners } from "../../apimachinery/managed-fields/owners.ts";
import { typeErrors } from "../../apimachinery/managed-fields/to-field-set.ts";
import { type Applied, applyFields, ownersAfterUpdate } from "../../apimachinery/managed-fields/track.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import { requireCreate } from "../authorization/create-on-write.ts";
import { type Body, decodeBody } from "../decode-body.ts";
import { conflictError } from "../managed-fields/conflict-error.ts";
import { conflictsForKubectl, syncLastApplied } from "../managed-fields/last-applied.ts";
import { setManagedFields, trackingOf, typeOfKind } from "../managed-fields/track.ts";
import type { AnyObject } from "../storage/view.ts";
import { type ChangeOptions, change } from "./change.ts";
import { create } from "./create.ts";
import type { Updated } from "./update.ts";

/** Who is said to own what was there before anybody applied the object. */
const BEFORE_FIRST_APPLY = "before-first-apply";

/**
 * Server-side apply: the object becomes what the configuration says of it, and the manager owns that. An object that is not
 * there is created. Source: api-policy 8.3.
 *
 * @param force  takes fields over from whoever owns them, instead of refusing with a conflict
 */
export async function apply(
  api: Api,
  target: Target,
  body: Body,
  force: boolean,
  context: WriteContext,
  prepare?: ChangeOptions["prepare"],
): Promise<Updated> {
  const config = requireConfiguration(target, body.value);
  const configuration = { target, config, force };
  try {
    const produce = (current: { readonly object: AnyObject }) => {
      const applied = applyTo(api, configuration, current.object, context);
      refuseDuplicates(body, context);
      return applied;
    };
    return {
      view: await change(api, target, { produce, prepare, replace: false, tracked: true }, context),
      created: false,
    };
  } catch (error) {
    if (target.subresource !== undefined || !isReason(error, "NotFound")) throw error;
    if (await api.objects.find(target.kind, target)) throw error;
  }
  await requireCreate(api, target, context.user);
  return { view: await createApplied(api, configuration, body, context), created: true };
}

export interface Configuration {
  readonly target: Target;
  readonly config: AnyObject;
  readonly force: boolean;
}

/** What may be applied to a kind: it says of itself that it is one, and nothing of who owns it. */
export function requireConfiguration({ kind }: Pick<Target, "kind">, value: unknown): AnyObject {
  const config = (isObject(value) ? value : {}) as AnyObject;
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  const [apiVersion, said] = [text(config.apiVersion), text(config.kind)];
  if (apiVersion !== apiVersionOf(kind) || said !== kind.kind) {
    const groupVersion = apiVersion.includes("/") ? apiVersion : `/${apiVersion}`;
    throw badRequest(`invalid object type: ${groupVersion}, Kind=${said}`);
  }
  if (config.metadata?.managedFields) throw badRequest("metadata.managedFields must be nil");
  return config;
}

/** The live object with the configuration applied, decoded, and saying who owns what. */
export function applyTo(
  api: Api,
  configuration: Configuration,
  live: AnyObject,
  context: WriteContext,
): AnyObject {
  const { target, config, force } = configuration;
  const type = requireTyped(api, configuration);
  const before = deepCopy(live);
  setManagedFields(before, undefined);
  const owners = ownersOf(api, target, live, before, context);
  const tracking = trackingOf(api, target, "Apply", owners, context);
  const { name } = tracking.who;
  let applied: Applied = applyFields(before, config, tracking, force);
  if ("conflicts" in applied) {
    const left = conflictsForKubectl(name, applied.conflicts, before, type);
    if (left.length > 0) throw conflictError(left);
    applied = applyFields(before, config, tracking, true);
  }
  if ("conflicts" in applied) throw new Error("an apply that takes everything over has no conflicts");
  const merged = { value: applied.object, strictErrors: [] };
  const decoded = decodeBody(api, target.kind, merged, { ...context, fieldValidation: "Ignore" });
  syncLastApplied(name, decoded, config);
  setManagedFields(decoded, writeOwners(applied.owners));
  return decoded;
}

/** Refuses what the kind has no fields for. */
export function requireTyped(api: Api, { target, config }: Configuration) {
  const type = typeOfKind(api, target.kind);
  const errors = typeErrors(type, config);
  if (errors.length === 0) return type;
  const { name = "", namespace = "" } = config.metadata ?? {};
  const what = errors.length === 1 ? errors[0] : `errors:${errors.map((error) => `\n  ${error}`).join("")}`;
  const id = `${namespace}/${name}; ${apiVersionOf(target.kind)}, Kind=${target.kind.kind}`;
  throw new ApiError("", `failed to create typed patch object (${id}): ${what}`);
}

/** The live owners. What nobody was tracked for is attributed to those who came before the first apply. */
function ownersOf(
  api: Api,
  target: Target,
  live: AnyObject,
  before: AnyObject,
  context: WriteContext,
): Owners {
  const owners = storedOwners(live.metadata?.managedFields);
  if (owners.size > 0) return owners;
  const earlier = { ...context, fieldManager: BEFORE_FIRST_APPLY };
  const tracking = trackingOf(api, { kind: target.kind }, "Update", owners, earlier);
  return ownersAfterUpdate({ metadata: {} }, before, tracking);
}

/** A key given twice: the last one counted; a strict request is refused, after conflicts (api-policy 6.2). */
function refuseDuplicates({ strictErrors }: Body, context: WriteContext): void {
  if (strictErrors.length === 0 || context.fieldValidation === "Ignore") return;
  if (context.fieldValidation === "Warn") {
    for (const text of strictErrors) context.warn(text);
    return;
  }
  const lines = strictErrors.map((text) => `\n  ${text}`).join("");
  throw badRequest(
    `error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:${lines}`,
  );
}

async function createApplied(api: Api, configuration: Configuration, body: Body, context: WriteContext) {
  const { target, config } = configuration;
  const { kind, name, namespace } = target;
  requireTyped(api, configuration);
  if (config.metadata?.uid) {
    throw invalidObject(kind, name, [invalid("metadata.uid", config.metadata.uid, "field is immutable")]);
  }
  refuseDuplicates(body, context);
  const { resourceVersion: _, ...metadata } = config.metadata ?? {};
  const value = { ...config, metadata: { ...metadata, name: metadata.name || name } };
  const tracking = trackingOf(api, target, "Apply", new Map(), context);
  const applied = applyFields({ metadata: {} }, value, tracking, true);
  const owners = "owners" in applied ? writeOwners(applied.owners) : undefined;
  const track = (_api: Api, _kind: Kind, object: AnyObject) => setManagedFields(object, owners);
  const lenient: WriteContext = { ...context, fieldValidation: "Ignore" };
  return create(api, kind, namespace, { value, strictErrors: [] }, lenient, track);
}
