import { isReason } from "../../apimachinery/errors.ts";
import type { DeleteOptions } from "../../client/client.ts";
import type { Api, WriteContext } from "../api.ts";
import type { Selection } from "../selection.ts";
import { remove } from "./delete.ts";
import { type ListRequest, type ListResult, list, viewsOf } from "./list.ts";

/** DELETE of a collection: each object as by itself; the answer lists what was deleted, as it was. */
export async function removeCollection(
  api: Api,
  selection: Selection,
  request: ListRequest,
  options: DeleteOptions,
  context: WriteContext,
): Promise<ListResult> {
  const listed = await list(api, selection, request);
  for (const { object } of viewsOf(api, listed)) {
    const { name = "", namespace } = object.metadata ?? {};
    try {
      await remove(api, { kind: selection.kind, namespace, name }, options, context);
    } catch (error) {
      // Somebody else was quicker: gone is gone.
      if (!isReason(error, "NotFound")) throw error;
    }
  }
  return listed;
}
