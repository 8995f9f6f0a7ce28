import { apiVersionOf } from "../../api/kind.ts";
import { deepCopy } from "../../apimachinery/copy.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { applyJsonPatch } from "../../apimachinery/patches/json-patch.ts";
import { applyMergePatch } from "../../apimachinery/patches/merge-patch.ts";
import { applyStrategicMerge } from "../../apimachinery/patches/strategic-merge.ts";
import type { Patch } from "../../client/client.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import { type Body, decodeBody, patchDecodingError } from "../decode-body.ts";
import type { AnyObject, View } from "../storage/view.ts";
import { type ChangeOptions, change } from "./change.ts";

/** Lost races before a patch is answered 409 (k8s.io/apiserver MaxRetryWhenPatchConflicts, and the first try). */
const MAX_PATCH_TRIES = 6;

/** What changes an object step by step; an apply configuration says what it is to be (apply.ts). */
export type StepPatch = Exclude<Patch, { type: "apply" }>;

/** PATCH: applied to the newest object each time, so that only a resourceVersion in the patch itself can conflict. */
export async function patch(
  api: Api,
  target: Target,
  patched: StepPatch,
  strictErrors: readonly string[],
  context: WriteContext,
  prepare?: ChangeOptions["prepare"],
): Promise<View> {
  const produce = (current: View) => {
    const value = applyPatch(api, target, patched, current.object);
    return decodePatched(api, target, { value, strictErrors }, context);
  };
  return change(api, target, { produce, prepare, replace: false, maxTries: MAX_PATCH_TRIES }, context);
}

export function applyPatch(api: Api, target: Target, patched: StepPatch, current: AnyObject): unknown {
  switch (patched.type) {
    case "json":
      return applyJsonPatch(deepCopy(current), patched.body);
    case "merge":
      return applyMergePatch(current, patched.body);
    case "strategic":
      if (target.kind.custom !== undefined) throw noStrategicMerge();
      return applyStrategicMerge(api.schema, target.kind.type, current, patched.body);
    default: {
      const unknown: never = patched;
      throw new ApiError("UnsupportedMediaType", `415: Unsupported Media Type ${String(unknown)}`);
    }
  }
}

/** Custom resources have no merge keys. */
function noStrategicMerge(): ApiError {
  const accepted = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
  const what = `the body of the request was in an unknown format - accepted media types include: ${accepted}`;
  return new ApiError("UnsupportedMediaType", what);
}

function decodePatched(api: Api, target: Target, body: Body, context: WriteContext): AnyObject {
  const { kind } = target;
  const said = body.value as AnyObject;
  try {
    // A patch cannot turn an object into another kind; Kubernetes ignores what it says of it.
    return decodeBody(
      api,
      kind,
      { ...body, value: { ...said, kind: kind.kind, apiVersion: apiVersionOf(kind) } },
      context,
    );
  } catch (error) {
    throw patchDecodingError(error, said);
  }
}
