import { deepCopy } from "../../apimachinery/copy.ts";
import { isReason } from "../../apimachinery/errors.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import { requireCreate } from "../authorization/create-on-write.ts";
import { type Body, decodeBody } from "../decode-body.ts";
import type { AnyObject, View } from "../storage/view.ts";
import { type ChangeOptions, change } from "./change.ts";
import { create } from "./create.ts";

export interface Updated {
  readonly view: View;
  readonly created: boolean;
}

/** PUT of an object or its status. A few kinds are created by it when absent (api-policy 6.6). */
export async function update(
  api: Api,
  target: Target,
  body: Body,
  context: WriteContext,
  prepare?: ChangeOptions["prepare"],
): Promise<Updated> {
  const decoded = decodeBody(api, target.kind, body, context);
  // Every try needs a private copy, since admission and preparation work in place.
  const produce = () => deepCopy(decoded);
  try {
    return { view: await change(api, target, { produce, prepare, replace: true }, context), created: false };
  } catch (error) {
    if (!target.kind.createOnUpdate || target.subresource || !isReason(error, "NotFound")) throw error;
    if (await api.objects.find(target.kind, target)) throw error;
    await requireCreate(api, target, context.user);
    return {
      view: await create(api, target.kind, target.namespace, withoutRevision(body, decoded), context),
      created: true,
    };
  }
}

/** A creating PUT ignores the resourceVersion it was sent with. */
function withoutRevision(body: Body, object: AnyObject): Body {
  const { resourceVersion: _, ...metadata } = object.metadata ?? {};
  return { ...body, value: { ...object, metadata } };
}
