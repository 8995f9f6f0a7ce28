import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { packageFile } from "../../apimachinery/package-root.ts";
import type { GroupVersionKind } from "./definitions.ts";

/** A document ready to be sent, with the hash that names this state of it (for `?hash=` and ETag). */
export interface OpenApiDocument {
  readonly body: string;
  readonly hash: string;
}

/** `api/v1`, `apis/apps/v1`: how the index names the document of a group and version. */
export function documentPath(kind: { group: string; version: string }): string {
  return kind.group === "" ? `api/${kind.version}` : `apis/${kind.group}/${kind.version}`;
}

let schemaHash: string | undefined;

/**
 * The hash of a document, without making it: it changes with the fields, with the descriptions and with the kinds that
 * are served.
 */
export function documentHash(name: string, kinds: readonly Kind[]): string {
  schemaHash ??= createHash("sha256")
    .update(readFileSync(packageFile("host/api/generated/schema.json")))
    .update(readFileSync(packageFile("host/api/generated/docs.json")))
    .digest("hex");
  const served = kinds.map(
    (kind) =>
      `${apiVersionOf(kind)} ${kind.kind} ${kind.plural} ${kind.verbs.join()} ${JSON.stringify(kind.custom?.openApi ?? "")}`,
  );
  const text = [schemaHash, name, ...served].join("\n");
  return createHash("sha512").update(text).digest("hex").toUpperCase();
}

/** Under which group, version and kind a type travels: itself, or as the list of a kind. */
export function kindsByType(
  kinds: readonly Kind[],
): (type: string) => readonly GroupVersionKind[] | undefined {
  const known = new Map<string, GroupVersionKind[]>();
  for (const { group, version, kind, type } of kinds) {
    known.set(type, [{ group, kind, version }]);
    known.set(`${type}List`, [{ group, kind: `${kind}List`, version }]);
  }
  known.set("meta.Status", [{ group: "", kind: "Status", version: "v1" }]);
  known.set("meta.DeleteOptions", [{ group: "", kind: "DeleteOptions", version: "v1" }]);
  return (type) => known.get(type);
}

/** The types a document starts from: the kinds, their lists, and what every kind's verbs speak. */
export function rootTypes(kinds: readonly Kind[]): string[] {
  return [...kinds.flatMap(({ type }) => [type, `${type}List`]), ...ALWAYS];
}

/** What every kind's verbs speak, and what custom kinds are made of. */
const ALWAYS = ["meta.Status", "meta.DeleteOptions", "meta.ObjectMeta", "meta.ListMeta"];
