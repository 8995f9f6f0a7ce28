import { deepEqual } from "../apimachinery/copy.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { KindRules } from "./kind.ts";

/**
 * What happens to an object between decoding and validation, the same for most kinds: the client of the main endpoint
 * cannot write status, the client of `/status` cannot write anything else, and the generation counts the changes of
 * what the user wants. A kind's own rules come in between.
 * Source: k8s.io/kubernetes/pkg/registry, the strategy.go of each kind.
 */
export interface StrategyOptions {
  /** The kind has a `/status` endpoint. */
  readonly hasStatus: boolean;
  /** The kind counts changes in metadata.generation. */
  readonly hasGeneration: boolean;
}

type Strategy<T> = Required<Pick<KindRules<T>, "prepareCreate" | "prepareUpdate" | "prepareStatusUpdate">>;

export function strategyOf<T extends KubernetesObject>(
  options: StrategyOptions,
  rules: KindRules<T>,
): Strategy<T> {
  return {
    prepareCreate(object) {
      if (options.hasStatus && !rules.keepsStatusOnCreate) delete members(object)["status"];
      setGeneration(object, options.hasGeneration ? 1 : undefined);
      rules.prepareCreate?.(object);
    },
    prepareUpdate(object, old) {
      if (options.hasStatus) keepMember(object, old, "status");
      setGeneration(object, old.metadata?.generation);
      rules.prepareUpdate?.(object, old);
      if (options.hasGeneration && !deepEqual(wish(object), wish(old)))
        setGeneration(object, (old.metadata?.generation ?? 0) + 1);
    },
    prepareStatusUpdate(object, old) {
      for (const name of new Set([...Object.keys(object), ...Object.keys(old)]))
        if (!NOT_KEPT.has(name)) keepMember(object, old, name);
      setGeneration(object, old.metadata?.generation);
      keepMetadata(object, old);
      rules.prepareStatusUpdate?.(object, old);
    },
  };
}

const NOT_KEPT = new Set(["apiVersion", "kind", "metadata", "status"]);

function members(object: KubernetesObject): Record<string, unknown> {
  return object as Record<string, unknown>;
}

function keepMember(object: KubernetesObject, old: KubernetesObject, name: string): void {
  const kept = members(old)[name];
  if (kept === undefined) delete members(object)[name];
  else members(object)[name] = kept;
}

/** `/status` may change labels and annotations; what ties an object to others or ends it stays. */
function keepMetadata(object: KubernetesObject, old: KubernetesObject): void {
  object.metadata ??= {};
  const metadata = object.metadata as Record<string, unknown>;
  for (const name of ["ownerReferences", "deletionTimestamp", "deletionGracePeriodSeconds"] as const) {
    const kept = old.metadata?.[name];
    if (kept === undefined) delete metadata[name];
    else metadata[name] = kept;
  }
}

function setGeneration(object: KubernetesObject, generation: number | undefined): void {
  object.metadata ??= {};
  const metadata = object.metadata;
  if (generation === undefined) delete metadata.generation;
  else metadata.generation = generation;
}

/** What the user wants: all but names, metadata and status. */
function wish(object: KubernetesObject): Record<string, unknown> {
  const {
    apiVersion: _version,
    kind: _kind,
    metadata: _metadata,
    status: _status,
    ...rest
  } = members(object);
  return rest;
}
