import { isObject } from "../../apimachinery/copy.ts";

/** A group and version that another server serves, as discovery shows it. */
export interface RemoteVersion {
  readonly group: string;
  readonly version: string;
  readonly groupPriority: number;
  readonly versionPriority: number;
  /** In the form of aggregated discovery. */
  readonly resources: readonly object[];
  /** "Stale": its server cannot be asked now. */
  readonly freshness: "Current" | "Stale";
  /** Path and query of its OpenAPI document, where it has one. */
  readonly openApi?: string;
}

type Json = Readonly<Record<string, unknown>>;

/** `APIResourceList` as an older server gives it -> the resources of aggregated discovery. */
export function resourcesOf(list: unknown, group: string, version: string): object[] {
  const rows =
    isObject(list) && Array.isArray(list["resources"]) ? (list["resources"] as unknown[]) : undefined;
  if (rows === undefined) throw new Error("the answer is no APIResourceList");
  const resources = rows.filter(isNamed);
  const kindOf = (row: Json) => ({
    group: row["group"] ?? group,
    version: row["version"] ?? version,
    kind: row["kind"] ?? "",
  });
  return resources
    .filter(({ name }) => !name.includes("/"))
    .map((row) => {
      const subresources = resources.filter(({ name }) => name.startsWith(`${row.name}/`));
      return {
        resource: row.name,
        responseKind: kindOf(row),
        scope: row["namespaced"] === true ? "Namespaced" : "Cluster",
        singularResource: row["singularName"] ?? "",
        verbs: row["verbs"] ?? [],
        ...(row["shortNames"] === undefined ? {} : { shortNames: row["shortNames"] }),
        ...(row["categories"] === undefined ? {} : { categories: row["categories"] }),
        ...(subresources.length === 0
          ? {}
          : {
              subresources: subresources.map((one) => ({
                subresource: one.name.slice(row.name.length + 1),
                responseKind: kindOf(one),
                verbs: one["verbs"] ?? [],
              })),
            }),
      };
    });
}

function isNamed(row: unknown): row is Json & { readonly name: string } {
  return isObject(row) && typeof row["name"] === "string";
}

/** Where a server's OpenAPI index says the document of a group and version is. */
export function openApiPathOf(index: unknown, group: string, version: string): string | undefined {
  const paths = isObject(index) ? index["paths"] : undefined;
  const entry = isObject(paths) ? paths[`apis/${group}/${version}`] : undefined;
  const url = isObject(entry) ? entry["serverRelativeURL"] : undefined;
  return typeof url === "string" ? url : undefined;
}
