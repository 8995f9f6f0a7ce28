import { isObject } from "../../apimachinery/copy.ts";
import type { Status } from "../../apimachinery/errors.ts";
import type { DeleteOptions } from "../../client/client.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import { remove } from "../verbs/delete.ts";
import { success } from "./binding.ts";

/** Deletes a pod gracefully. Disruption budgets are asked once their controller exists; until then none blocks. */
export async function evict(api: Api, target: Target, body: unknown, context: WriteContext): Promise<Status> {
  const options = isObject(body) && isObject(body["deleteOptions"]) ? body["deleteOptions"] : {};
  await remove(api, { ...target, subresource: undefined }, options as DeleteOptions, context);
  return success();
}
