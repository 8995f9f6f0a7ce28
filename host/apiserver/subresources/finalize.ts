import { deepCopy } from "../../apimachinery/copy.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import { type Body, decodeBody } from "../decode-body.ts";
import type { AnyObject, View } from "../storage/view.ts";
import { change } from "../verbs/change.ts";

/** PUT of namespaces/finalize: the only place where spec.finalizers may change; empty ones let it go. */
export async function finalizeNamespace(
  api: Api,
  target: Target,
  body: Body,
  context: WriteContext,
): Promise<View> {
  const decoded = decodeBody(api, target.kind, body, context);
  const prepare = (next: AnyObject, old: AnyObject): AnyObject => {
    const finalizers = (next["spec"] as { finalizers?: string[] } | undefined)?.finalizers ?? [];
    return { ...old, metadata: next.metadata, spec: finalizers.length > 0 ? { finalizers } : {} };
  };
  const options = { produce: () => deepCopy(decoded), prepare, replace: true };
  return change(api, { ...target, subresource: "finalize" }, options, context);
}
