import type { Kind } from "../../api/kind.ts";
import type { AnyObject } from "./view.ts";

/** In the version it is stored as, with that version's defaults for what the other one cannot say. */
export function asStored(kind: Kind, object: AnyObject): AnyObject {
  if (kind.stored === undefined) return object;
  const stored = kind.stored.toStored(object) as AnyObject;
  kind.stored.kind.defaults?.(stored);
  return stored;
}
