// @ts-check
/**
 * Writes what every kind's fields are, from the official models (@kubernetes/client-node) and api-fields.txt:
 *
 *   host/api/generated/schema.json  field tables the API server runs on (see host/apimachinery/schema.ts)
 *   host/api/generated/docs.json    descriptions, read only for OpenAPI
 *   host/api/generated/types.ts     one TypeScript interface a type, named as in the official client
 *
 * Run by `npm run build`; nothing here is committed.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { nameGoTypes } from "./go-types.mjs";
import { readFields } from "./read-fields.mjs";
import { readModels } from "./read-models.mjs";
import { renderTypes } from "./render-types.mjs";

const out = new URL("../host/api/generated/", import.meta.url);
const types = readFields(readFileSync(new URL("./api-fields.txt", import.meta.url), "utf8"));
nameGoTypes(types);
const models = await readModels(types);

mkdirSync(out, { recursive: true });
writeFileSync(new URL("schema.json", out), JSON.stringify({ types }));
writeFileSync(new URL("docs.json", out), JSON.stringify(models.docs));
writeFileSync(new URL("types.ts", out), renderTypes(types));
console.log(`schema: ${Object.keys(types).length} types, ${Object.keys(models.docs).length} documented`);
