import type { Kind } from "../../api/kind.ts";
import type { Schema } from "../../apimachinery/schema.ts";
import { customDefinitions } from "./custom.ts";
import { definitions, type JsonObject, readDocs, V2 } from "./definitions.ts";
import { documentHash, kindsByType, type OpenApiDocument, rootTypes } from "./documents.ts";
import { PATCH_DEFINITION, pathsOf } from "./paths.ts";

/**
 * `GET /openapi/v2`: everything in one Swagger 2.0 document, as JSON; the fallback of old clients. A client that accepts
 * only the protobuf form (kubectl, for a kind `/openapi/v3` does not know) must not be sent this.
 */
export function openApiV2(schema: Schema, kinds: readonly Kind[]): OpenApiDocument {
  const document = {
    swagger: "2.0",
    info: { title: "Kubernetes", version: "v1.36.2" },
    paths: Object.assign({}, ...kinds.map((kind) => pathsOf(kind, V2))) as JsonObject,
    definitions: {
      ...definitions(schema, readDocs(), rootTypes(kinds), V2, kindsByType(kinds)),
      ...customDefinitions(kinds, V2),
      ...PATCH_DEFINITION,
    },
  };
  return { body: JSON.stringify(document), hash: documentHash("v2", kinds) };
}
