import { apiVersionOf, type Kind } from "../../../api/kind.ts";
import { isObject } from "../../../apimachinery/copy.ts";
import type { FieldType } from "../../../apimachinery/managed-fields/field-type.ts";
import { mergeApplied } from "../../../apimachinery/managed-fields/merge.ts";
import { typeErrors } from "../../../apimachinery/managed-fields/to-field-set.ts";
import { applyJsonPatch, PatchRefused } from "../../../apimachinery/patches/json-patch.ts";
import type { Api } from "../../api.ts";
import { typeOfKind } from "../../managed-fields/track.ts";
import type { AnyObject } from "../../storage/view.ts";

/**
 * The object with an apply configuration laid over it, as server-side apply would do for a new manager; nobody comes to own
 * anything. Source: k8s.io/apiserver policy/mutating/patch/smd.go.
 */
export function applied(api: Api, version: Kind, object: AnyObject, given: unknown): unknown {
  const configuration = { ...(given as object), apiVersion: apiVersionOf(version), kind: version.kind };
  const type = typeOfKind(api, version);
  const errors = typeErrors(type, configuration);
  if (errors.length > 0) {
    const why = errors.length === 1 ? errors[0] : `errors:${errors.map((one) => `\n  ${one}`).join("")}`;
    throw new Error(`error applying patch: failed to convert patch object to typed object: ${why}`);
  }
  const atomic = atomicPlaces(type, configuration, "");
  if (atomic.length > 0) {
    const why = `may not mutate atomic arrays, maps or structs: ${atomic.join(", ")}`;
    throw new Error(`error applying patch: invalid ApplyConfiguration: ${why}`);
  }
  return mergeApplied(type, object, configuration);
}

/** What of a configuration would be replaced as a whole: nobody says a part of it and means to lose the rest. */
function atomicPlaces(type: FieldType | undefined, value: unknown, path: string): string[] {
  if (type === undefined) return [];
  if (type.is === "list" && Array.isArray(value)) {
    if (type.relation === "atomic") return [path];
    return value.flatMap((one, index) => atomicPlaces(type.element, one, `${path}[${index}]`));
  }
  if ((type.is !== "struct" && type.is !== "map") || !isObject(value)) return [];
  if (type.atomic) return [path];
  return Object.entries(value).flatMap(([name, one]) =>
    atomicPlaces(type.is === "map" ? type.element : type.field(name)?.type, one, `${path}.${name}`),
  );
}

/** The object patched; itself where a `test` of the patch fails, which is how a patch says when it is meant. */
export function patched(object: AnyObject, operations: unknown): unknown {
  try {
    return applyJsonPatch(object, operations);
  } catch (error) {
    if (!(error instanceof PatchRefused)) throw error;
    if (error.isFailedTest) return object;
    throw new Error(`JSON Patch: ${error.detail}`);
  }
}
