import type { V1Pod } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { ApiError, conflict, notFound, type Status } from "../../apimachinery/errors.ts";
import { notSupported } from "../../apimachinery/field-error.ts";
import type { ObjectMeta } from "../../apimachinery/object.ts";
import type { DeleteOptions } from "../../client/client.ts";
import { type Attributes, admit, approve } from "../admission/chain.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import { storageKey, storageKind } from "../storage/keys.ts";
import type { UpdateStep } from "../storage/objects.ts";
import type { AnyObject, View } from "../storage/view.ts";

/** Either the object (still there, or of a kind whose last state is answered), or the Status of a removal. */
export type Deleted = { readonly view: View } | { readonly status: Status };

/** Kinds whose DELETE answers the object even when it is gone (ReturnDeletedObject in Kubernetes). */
const ANSWER_OBJECT = new Set([
  "pods",
  "persistentvolumeclaims",
  "persistentvolumes",
  "podtemplates",
  "resourcequotas",
  "serviceaccounts",
]);

const ORPHAN = "orphan";
const FOREGROUND = "foregroundDeletion";

/**
 * DELETE: checks, marks what must finish first, removes the rest. Source: api-wire 19.
 *
 * @param admission  what is asked first; an eviction was admitted as such
 */
export async function remove(
  api: Api,
  target: Target,
  options: DeleteOptions,
  context: WriteContext,
  admission: typeof admitDeletion = admitDeletion,
): Promise<Deleted> {
  const { namespace, name } = target;
  const kind = storageKind(target.kind);
  requirePolicy(options);
  const key = storageKey(kind, target);
  for (;;) {
    const entry = await api.objects.store.get(key);
    if (entry === undefined) throw notFound(target.kind, name);
    const current = await api.objects.shown(kind, api.objects.views.of(entry));
    requirePreconditions(kind, name, options, current.object.metadata ?? {});
    const said = { ...options };
    await admission(
      api,
      { verb: "delete", kind, asked: target.kind, namespace, name, old: current.object, options: said },
      context,
    );
    const marked = markForDeletion(api, kind, current.object, options);
    if (marked === "pending") return { view: current.as(target.kind) };
    if (marked !== "now") {
      const put = await markStored(api, target, current, marked, context);
      if (put === undefined) continue;
      return { view: put.as(target.kind) };
    }
    if (!context.dryRun) {
      const result = await api.objects.remove(entry, current.object);
      if (!result.ok) continue;
      return gone(target, current, result.revision);
    }
    return gone(target, current, current.revision);
  }
}

async function admitDeletion(api: Api, attributes: Attributes, context: WriteContext): Promise<void> {
  await admit(api, attributes, context);
  await approve(api, attributes, context);
}

/** @returns undefined when somebody else changed the object in between */
async function markStored(
  api: Api,
  target: Target,
  current: View,
  marked: AnyObject,
  context: WriteContext,
): Promise<View | undefined> {
  let moved = false;
  const change = async (newest: View): Promise<UpdateStep> => {
    moved = newest.revision !== current.revision;
    return moved ? { kind: "keep" } : { kind: "put", object: marked };
  };
  const { view } = await api.objects.update(target.kind, target, change, context.dryRun);
  return moved ? undefined : view;
}

function gone(target: Target, current: View, revision: number): Deleted {
  const { kind, name } = target;
  if (ANSWER_OBJECT.has(kind.plural)) return { view: current.endedAt(revision).as(kind) };
  const { group, plural } = kind;
  const uid = current.object.metadata?.uid;
  return {
    status: {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Success",
      details: { name, ...(group === "" ? {} : { group }), kind: plural, ...(uid ? { uid } : {}) },
    },
  };
}

/** What the object looks like while it is terminating; "now": nothing holds it; "pending": it is under way already. */
function markForDeletion(
  api: Api,
  kind: Kind,
  object: AnyObject,
  options: DeleteOptions,
): AnyObject | "now" | "pending" {
  const metadata: ObjectMeta = { ...object.metadata };
  const nowMs = api.clock.nowMs();
  if (kind.group === "" && kind.plural === "namespaces") return markNamespace(object, options, nowMs);
  if (metadata.deletionTimestamp !== undefined) return shorten(object, options);
  const present = metadata.finalizers ?? [];
  const own = kind.deletionFinalizer;
  const finalizers = withPolicy(own && !present.includes(own) ? [...present, own] : present, options);
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  const graceSeconds =
    kind.group === "" && kind.plural === "pods" ? podGraceSeconds(object as V1Pod, options) : 0;
  if (finalizers.length === 0 && graceSeconds === 0) return "now";
  metadata.deletionTimestamp = formatTime(nowMs + graceSeconds * 1000);
  metadata.deletionGracePeriodSeconds = graceSeconds;
  if (metadata.generation) metadata.generation += 1;
  return { ...object, metadata };
}

/** A second DELETE may only shorten the grace. */
function shorten(object: AnyObject, options: DeleteOptions): AnyObject | "now" | "pending" {
  const metadata: ObjectMeta = { ...object.metadata };
  const grace = metadata.deletionGracePeriodSeconds;
  const held = (metadata.finalizers ?? []).length > 0;
  if (grace === undefined) return held ? "pending" : "now";
  const asked = options.gracePeriodSeconds;
  if (asked === undefined || asked >= grace) return grace === 0 && !held ? "now" : "pending";
  if (asked <= 0 && !held) return "now";
  const wanted = Math.max(0, asked);
  const dueMs = Date.parse(metadata.deletionTimestamp ?? "") - (grace - wanted) * 1000;
  metadata.deletionTimestamp = formatTime(dueMs);
  metadata.deletionGracePeriodSeconds = wanted;
  return { ...object, metadata };
}

function podGraceSeconds({ spec, status }: V1Pod, options: DeleteOptions): number {
  if (!spec?.nodeName || status?.phase === "Succeeded" || status?.phase === "Failed") return 0;
  const seconds = options.gracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30;
  return seconds < 0 ? 1 : seconds;
}

/** A namespace becomes Terminating and is removed by its controller through `finalize`. */
function markNamespace(
  object: AnyObject,
  options: DeleteOptions,
  nowMs: number,
): AnyObject | "now" | "pending" {
  const metadata: ObjectMeta = { ...object.metadata };
  const held = (object["spec"] as { finalizers?: string[] } | undefined)?.finalizers ?? [];
  if (metadata.deletionTimestamp !== undefined) {
    return held.length === 0 && !metadata.finalizers?.length ? "now" : "pending";
  }
  const finalizers = withPolicy(metadata.finalizers ?? [], options);
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  metadata.deletionTimestamp = formatTime(nowMs);
  const status = { ...(object["status"] as object | undefined), phase: "Terminating" };
  return { ...object, metadata, status };
}

function withPolicy(finalizers: readonly string[], { propagationPolicy }: DeleteOptions): string[] {
  if (propagationPolicy === undefined) return [...finalizers];
  const others = finalizers.filter((one) => one !== ORPHAN && one !== FOREGROUND);
  if (propagationPolicy === "Orphan") return [...others, ORPHAN];
  return propagationPolicy === "Foreground" ? [...others, FOREGROUND] : others;
}

function requirePolicy({ propagationPolicy }: DeleteOptions): void {
  if (propagationPolicy === undefined) return;
  if (["Foreground", "Background", "Orphan"].includes(propagationPolicy)) return;
  const supported = ["Foreground", "Background", "Orphan", "nil"];
  const { reason, message, field } = notSupported("propagationPolicy", propagationPolicy, supported);
  throw new ApiError("Invalid", `DeleteOptions.meta.k8s.io "" is invalid: ${field}: ${message}`, {
    group: "meta.k8s.io",
    kind: "DeleteOptions",
    causes: [{ reason, message, field }],
  });
}

export function requirePreconditions(
  kind: Kind,
  name: string,
  { preconditions }: DeleteOptions,
  metadata: ObjectMeta,
): void {
  // Unlike every other conflict, these name the Kind and not the resource.
  const named = { group: "", plural: kind.kind, kind: kind.kind };
  const { uid, resourceVersion } = preconditions ?? {};
  if (uid && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). `;
    throw conflict(named, name, `${why}The object might have been deleted and then recreated`);
  }
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
    const why =
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record ` +
      `(${metadata.resourceVersion}). The object might have been modified`;
    throw conflict(named, name, why);
  }
}
