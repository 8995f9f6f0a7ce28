import type { Kind } from "../../api/kind.ts";
import type { Api } from "../api.ts";
import { storagePrefix } from "./keys.ts";

/** How many objects there are; the store knows without looking at them. */
export async function countObjects(
  { objects: { store } }: Pick<Api, "objects">,
  kind: Kind,
  namespace?: string,
): Promise<number> {
  const range = await store.range(storagePrefix(kind, namespace), { revision: store.revision, limit: 0 });
  return range.remaining;
}
