import { deepEqual } from "../copy.ts";
import { compareFields } from "./compare.ts";
import {
  difference,
  EMPTY_SET,
  type FieldSet,
  intersection,
  isEmptySet,
  union,
  withoutSubtrees,
} from "./field-set.ts";
import type { FieldType } from "./field-type.ts";
import { mergeApplied } from "./merge.ts";
import {
  capUpdaters,
  type Manager,
  managerKey,
  type Owner,
  type Owners,
  ownable,
  withOwner,
} from "./owners.ts";
import { pruneFields } from "./remove.ts";
import { fieldSetOf } from "./to-field-set.ts";

/** A version of the object's kind; undefined when it is not served any more: then nobody owns fields named in it. */
export type Versions = (apiVersion: string) => Version | undefined;

export interface Version {
  readonly type: FieldType;
  /** The object, which is in the request's version, in this one. */
  convert(object: unknown): unknown;
}

export interface Tracking {
  readonly versions: Versions;
  readonly owners: Owners;
  readonly who: Manager;
  /** What cannot be set where the request went: nobody comes to own it there. */
  readonly reset: FieldSet;
  /** RFC 3339. */
  readonly now: string;
}

/** What somebody else owns and the request would change. */
export interface Conflict {
  readonly owner: Manager;
  readonly fields: FieldSet;
}

/**
 * Who owns what after an ordinary write: whoever changes a value owns it, and who owned it until then does not.
 * Source: structured-merge-diff Updater.Update.
 */
export function ownersAfterUpdate(old: unknown, next: unknown, tracking: Tracking): Owners {
  const { owners, who, now } = tracking;
  const changes = new Changes(old, next, tracking);
  const key = managerKey(who);
  const fields = ownable(changes.in(who.apiVersion)!.set);
  const left = settle(owners, changes, { key, keeps: fields }).owners;
  if (isEmptySet(fields)) return left;
  const held = left.get(key)?.fields ?? EMPTY_SET;
  return capUpdaters(withOwner(left, { ...who, fields: union(held, fields), time: now }));
}

export type Applied =
  | { readonly object: unknown; readonly owners: Owners }
  | { readonly conflicts: readonly Conflict[] };

/**
 * Applies a configuration: overlays it, removes what its applier does not say any more and nobody else owns, and makes the
 * applier own what it says. Source: structured-merge-diff Updater.Apply.
 *
 * @param force  takes conflicting fields from their owners instead of refusing
 */
export function applyFields(live: unknown, config: unknown, tracking: Tracking, force: boolean): Applied {
  const { owners, who, reset, now, versions } = tracking;
  const { type } = versions(who.apiVersion)!;
  const key = managerKey(who);
  const last = owners.get(key);
  const fields = ownable(withoutSubtrees(fieldSetOf(type, config), reset));
  const claimed = withOwner(owners, { ...who, fields, ...(last?.time ? { time: last.time } : {}) });
  const owned = [...claimed.values()]
    .filter(({ apiVersion }) => apiVersion === who.apiVersion)
    .reduce((all, owner) => union(all, owner.fields), EMPTY_SET);
  const merged = mergeApplied(type, live, config);
  const object = pruneFields(type, merged, last?.fields ?? EMPTY_SET, owned);
  const { owners: left, conflicts } = settle(claimed, new Changes(live, object, tracking), {
    key,
    keeps: "all",
  });
  if (conflicts.length > 0 && !force) return { conflicts };
  const self = left.get(key);
  if (self === undefined || deepEqual(live, object)) return { object, owners: left };
  return { object, owners: withOwner(left, { ...self, time: now }) };
}

/**
 * What the change takes from each owner, and what would be a conflict if it were refused.
 *
 * @param own  who makes the change: from them nothing is taken that they keep
 */
function settle(
  owners: Owners,
  changes: Changes,
  own: { readonly key: string; readonly keeps: FieldSet | "all" },
): { owners: Owners; conflicts: Conflict[] } {
  const left = new Map<string, Owner>();
  const conflicts: Conflict[] = [];
  for (const [key, owner] of owners) {
    const changed = changes.in(owner.apiVersion);
    // A version that is not served any more: its entry goes.
    if (changed === undefined) continue;
    const keeps = key === own.key ? own.keeps : EMPTY_SET;
    if (keeps === "all") {
      left.set(key, owner);
      continue;
    }
    // Who changes again what they own has the same set as before, and not one made anew.
    const taken = intersection(owner.fields, difference(changed.set, keeps));
    if (!isEmptySet(taken)) conflicts.push({ owner, fields: taken });
    const fields = difference(owner.fields, union(taken, changed.removed));
    if (!isEmptySet(fields)) left.set(key, fields === owner.fields ? owner : { ...owner, fields });
  }
  return { owners: left, conflicts };
}

/** What a request changes, as each version of the kind names it; worked out once for each. */
class Changes {
  readonly #known = new Map<string, { set: FieldSet; removed: FieldSet } | undefined>();
  readonly #old: unknown;
  readonly #next: unknown;
  readonly #tracking: Tracking;

  constructor(old: unknown, next: unknown, tracking: Tracking) {
    this.#old = old;
    this.#next = next;
    this.#tracking = tracking;
  }

  in(apiVersion: string): { readonly set: FieldSet; readonly removed: FieldSet } | undefined {
    if (!this.#known.has(apiVersion)) this.#known.set(apiVersion, this.#compare(apiVersion));
    return this.#known.get(apiVersion);
  }

  #compare(apiVersion: string) {
    const { versions, reset } = this.#tracking;
    const version = versions(apiVersion);
    if (version === undefined) return undefined;
    const [old, next] = [version.convert(this.#old), version.convert(this.#next)];
    const { added, modified, removed } = compareFields(version.type, old, next);
    return {
      set: withoutSubtrees(union(added, modified), reset),
      removed: withoutSubtrees(removed, reset),
    };
  }
}
