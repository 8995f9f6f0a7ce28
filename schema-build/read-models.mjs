// @ts-check
/**
 * Matches each type of api-fields.txt with its class in @kubernetes/client-node and takes the descriptions from there.
 * Single model files are imported: the package's entry needs a newer Node than ours (docs/decisions/0003).
 */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";

/** The official client puts a prefix on names that two groups share. */
const PREFIXED = new Map([
  ["admissionregistration.v1.ServiceReference", "AdmissionregistrationV1ServiceReference"],
  ["admissionregistration.v1.WebhookClientConfig", "AdmissionregistrationV1WebhookClientConfig"],
  ["apiextensions.v1.ServiceReference", "ApiextensionsV1ServiceReference"],
  ["apiextensions.v1.WebhookClientConfig", "ApiextensionsV1WebhookClientConfig"],
  ["apiregistration.v1.ServiceReference", "ApiregistrationV1ServiceReference"],
  ["authentication.v1.TokenRequest", "AuthenticationV1TokenRequest"],
  ["storage.v1.TokenRequest", "StorageV1TokenRequest"],
  ["core.v1.EndpointPort", "CoreV1EndpointPort"],
  ["discovery.v1.EndpointPort", "DiscoveryV1EndpointPort"],
  ["core.v1.Event", "CoreV1Event"],
  ["core.v1.EventList", "CoreV1EventList"],
  ["core.v1.EventSeries", "CoreV1EventSeries"],
  ["events.v1.Event", "EventsV1Event"],
  ["events.v1.EventList", "EventsV1EventList"],
  ["events.v1.EventSeries", "EventsV1EventSeries"],
  ["core.v1.ResourceClaim", "CoreV1ResourceClaim"],
  ["resource.v1.ResourceClaim", "ResourceV1ResourceClaim"],
  ["flowcontrol.v1.Subject", "FlowcontrolV1Subject"],
  ["rbac.v1.Subject", "RbacV1Subject"],
]);

/** Objects on the wire that the official client has no class for. */
const UNDOCUMENTED_OBJECTS = ["meta.PartialObjectMetadata", "meta.PartialObjectMetadataList"];

/** `core.v1.Pod` -> `V1Pod`, `meta.ObjectMeta` -> `V1ObjectMeta`. @param {string} type */
export function modelName(type) {
  const prefixed = PREFIXED.get(type);
  if (prefixed) return prefixed;
  const parts = type.split(".");
  const name = parts.at(-1) ?? type;
  const version = parts.length === 3 ? (parts[1] ?? "v1") : "v1";
  return version[0]?.toUpperCase() + version.slice(1) + name;
}

/**
 * @param {Record<string, import("./read-fields.mjs").Type>} types  each gains `model` where the client has its class, and
 *   `object` where Go embeds TypeMeta (a Pod has kind and apiVersion, a PodTemplateSpec has not)
 * @returns {Promise<{ docs: Record<string, { "": string } & Record<string, string>> }>} description of a type ("") and its fields
 */
export async function readModels(types) {
  const require = createRequire(import.meta.url);
  const folder = `${dirname(require.resolve("@kubernetes/client-node/package.json"))}/dist/gen/models/`;
  const available = new Set(
    readdirSync(folder)
      .filter((f) => f.endsWith(".d.ts"))
      .map((f) => f.slice(0, -5)),
  );
  /** @type {Record<string, { "": string } & Record<string, string>>} */
  const docs = {};
  for (const [name, type] of Object.entries(types)) {
    const model = modelName(name);
    if (!available.has(model)) continue;
    type.model = model;
    const documented = readDocs(readFileSync(`${folder}${model}.d.ts`, "utf8"));
    docs[name] = documented;
    const hasOwnKind = type.fields.some((field) => field.name === "kind");
    if ("kind" in documented && "apiVersion" in documented && !hasOwnKind) type.object = true;
  }
  for (const name of UNDOCUMENTED_OBJECTS) if (types[name]) types[name].object = true;
  return { docs };
}

/** @param {string} text a model's .d.ts */
function readDocs(text) {
  /** @type {{ "": string } & Record<string, string>} */
  const docs = { "": "" };
  const pattern = /\/\*\*\n((?:\s*\*(?!\/).*\n)+)\s*\*\/\n\s*(?:export declare class (\w+)|'([^']+)'\??:)/g;
  for (const match of text.matchAll(pattern)) {
    const description = (match[1] ?? "")
      .split("\n")
      .map((line) => line.replace(/^\s*\* ?/, ""))
      .join("\n")
      .trim()
      .replace(/\\(['"])/g, "$1");
    docs[match[3] ?? ""] = withParagraphs(description);
  }
  return docs;
}

/**
 * The official client's generator turns each line end into a space: two spaces were a new paragraph, three an indented
 * line. A few old texts put two spaces after a full stop; IntOrString's is the one seen everywhere.
 *
 * @param {string} text
 */
function withParagraphs(text) {
  if (text.startsWith("IntOrString is a type")) return text;
  return text.replace(/(?<=\S) {2}(?=\S)/g, "\n\n").replace(/(?<=\S) {3}(?=\S)/g, "\n  ");
}
