import type { Kind } from "../../api/kind.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import type { RemoteVersion } from "../aggregation/remote-version.ts";
import { customDefinitions } from "./custom.ts";
import { definitions, type JsonObject, readDocs, V3 } from "./definitions.ts";
import { documentHash, documentPath, kindsByType, type OpenApiDocument, rootTypes } from "./documents.ts";
import { PATCH_DEFINITION, pathsOf } from "./paths.ts";

/**
 * `GET /openapi/v3`: which documents there are. Nothing is built for it, the hashes are known beforehand.
 * Source: api-wire 5; the media type of the answer is `text/plain; charset=utf-8`.
 */
export function openApiV3Index(kinds: readonly Kind[], remotes: readonly RemoteVersion[]): OpenApiDocument {
  const paths: JsonObject = {};
  for (const { group, version, openApi } of remotes)
    if (openApi !== undefined) paths[`apis/${group}/${version}`] = { serverRelativeURL: openApi };
  for (const [path, served] of byDocument(kinds)) {
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${documentHash(path, served)}` };
  }
  return { body: JSON.stringify({ paths }), hash: documentHash("index", kinds) };
}

/**
 * `GET /openapi/v3/api/v1` and `/openapi/v3/apis/GROUP/VERSION`: built when asked for (about 20 ms for core) and not
 * kept, clients keep it by its hash. Its ETag is the hash in quotes.
 *
 * @param path  `api/v1`, `apis/apps/v1`
 * @returns     undefined when no kind of that group and version is served
 */
export function openApiV3Document(
  schema: Schema,
  kinds: readonly Kind[],
  path: string,
): OpenApiDocument | undefined {
  const served = byDocument(kinds).get(path);
  if (served === undefined) return undefined;
  const document = {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "v1.36.2" },
    paths: Object.assign({}, ...served.map((kind) => pathsOf(kind, V3))) as JsonObject,
    components: {
      schemas: {
        ...definitions(schema, readDocs(), rootTypes(served), V3, kindsByType(kinds)),
        ...customDefinitions(served, V3),
        ...PATCH_DEFINITION,
      },
    },
  };
  return { body: JSON.stringify(document), hash: documentHash(path, served) };
}

function byDocument(kinds: readonly Kind[]): Map<string, Kind[]> {
  const documents = new Map<string, Kind[]>();
  for (const kind of kinds) {
    const path = documentPath(kind);
    const present = documents.get(path);
    if (present) present.push(kind);
    else documents.set(path, [kind]);
  }
  return documents;
}
