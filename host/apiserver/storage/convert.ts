import type { Kind } from "../../api/kind.ts";
import type { AnyObject } from "./view.ts";

/** In the version it is stored as, with that version's defaults for what the other one cannot say. */
export function asStored(kind: Kind, object: AnyObject): AnyObject {
  if (kind.stored === undefined) return object;
  const stored = kind.stored.toStored(object) as AnyObject;
  kind.stored.kind.defaults?.(stored);
  return stored;
}

/** A stored object in the version a kind serves. */
export function asServed(kind: Kind, stored: AnyObject): AnyObject {
  return kind.stored === undefined ? stored : (kind.stored.fromStored(stored) as AnyObject);
}
