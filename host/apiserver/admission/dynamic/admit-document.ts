import type { Api, WriteContext } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import type { Attributes } from "../chain.ts";

/**
 * Lets policies and webhooks change and judge a document that is only a window on an object: a Binding, a Scale.
 *
 * @returns the document as it is then
 */
export async function admitDocument(
  api: Api,
  attributes: Attributes & { readonly object: AnyObject },
  context: WriteContext,
): Promise<AnyObject> {
  const { dynamicAdmission } = api;
  if (dynamicAdmission.isIdle) return attributes.object;
  const changed = await dynamicAdmission.mutate(api, attributes, context, async () => {});
  const object = changed ?? attributes.object;
  await dynamicAdmission.validate(api, { ...attributes, object }, context);
  return object;
}
