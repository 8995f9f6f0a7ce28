import { createHash } from "node:crypto";
import type { KubernetesObject } from "../apimachinery/object.ts";

/** A UID for an object that no server has seen: made of its kind and name, so that it is the same each time. */
export function standInUid({ kind, metadata }: KubernetesObject): string {
  const name = `${kind}/${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`;
  const digits = createHash("sha256").update(name).digest("hex");
  return [8, 12, 16, 20, 32].map((end, i, ends) => digits.slice(ends[i - 1] ?? 0, end)).join("-");
}
