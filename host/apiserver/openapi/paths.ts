import { apiVersionOf, type Kind } from "../../api/kind.ts";
import type { Dialect, JsonObject } from "./definitions.ts";
import { openApiName } from "./type-names.ts";

/**
 * The operations of a kind, as far as clients read them: kubectl looks for the `fieldValidation` parameter and the
 * patch types of a kind's PATCH; others list what there is to call.
 */
export function pathsOf(kind: Kind, dialect: Dialect): JsonObject {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const collection = `${root}${kind.namespaced ? "/namespaces/{namespace}" : ""}/${kind.plural}`;
  const item = `${collection}/{name}`;
  const paths: JsonObject = {};
  const onCollection = operations(kind, dialect, [
    ["list", "get", "list"],
    ["create", "post", "post"],
    ["deletecollection", "delete", "deletecollection"],
  ]);
  const onItem = operations(kind, dialect, [
    ["get", "get", "get"],
    ["update", "put", "put"],
    ["patch", "patch", "patch"],
    ["delete", "delete", "delete"],
  ]);
  if (onCollection) paths[collection] = { ...onCollection, parameters: pathParameters(kind, dialect, false) };
  if (kind.namespaced && kind.verbs.includes("list")) {
    paths[`${root}/${kind.plural}`] = { get: operation(kind, dialect, "list", "forAllNamespaces") };
  }
  if (onItem) paths[item] = { ...onItem, parameters: pathParameters(kind, dialect, true) };
  if (kind.subresources.some(({ name }) => name === "status")) {
    const onStatus = {
      get: operation(kind, dialect, "get", "status"),
      put: operation(kind, dialect, "put", "status"),
      patch: operation(kind, dialect, "patch", "status"),
    };
    paths[`${item}/status`] = { ...onStatus, parameters: pathParameters(kind, dialect, true) };
  }
  return paths;
}

/** (verb, HTTP method, action), for the verbs the kind has. */
function operations(
  kind: Kind,
  dialect: Dialect,
  wanted: readonly (readonly [string, string, string])[],
): JsonObject | undefined {
  const served = wanted.filter(([verb]) => kind.verbs.includes(verb));
  if (served.length === 0) return undefined;
  return Object.fromEntries(
    served.map(([, method, action]) => [method, operation(kind, dialect, action, "")]),
  );
}

const PATCH_TYPES = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
];

/** Custom resources take no strategic patch, and kubectl chooses by what is said here. */
function patchTypes(kind: Kind): readonly string[] {
  if (kind.custom === undefined) return PATCH_TYPES;
  return PATCH_TYPES.filter((type) => type !== "application/strategic-merge-patch+json");
}

function operation(kind: Kind, dialect: Dialect, action: string, suffix: string): JsonObject {
  const answered =
    action === "list" ? `${kind.type}List` : action.startsWith("delete") ? "meta.Status" : kind.type;
  const schema = { $ref: dialect.prefix + openApiName(answered) };
  const parameters = queryParameters(action, dialect);
  const body =
    action === "put" || action === "post" ? schema : action === "patch" ? patchSchema(dialect) : undefined;
  const types = action === "patch" ? patchTypes(kind) : ["*/*"];
  const answer =
    dialect.version === 3
      ? { description: "OK", content: { "application/json": { schema } } }
      : { description: "OK", schema };
  const bodyOfV3 = {
    content: Object.fromEntries(types.map((type) => [type, { schema: body }])),
    required: true,
  };
  const bodyOfV2 = { in: "body", name: "body", required: true, schema: body };
  if (body !== undefined && dialect.version === 2) parameters.push(bodyOfV2);
  return {
    tags: [`${kind.group === "" ? "core" : kind.group.split(".")[0]}_${kind.version}`],
    operationId: `${action}_${apiVersionOf(kind).replace(/[^a-zA-Z0-9]/g, "_")}_${kind.kind}${suffix === "" ? "" : `_${suffix}`}`,
    ...(dialect.version === 2 ? { consumes: types, produces: ["application/json"] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body !== undefined && dialect.version === 3 ? { requestBody: bodyOfV3 } : {}),
    responses: { "200": answer },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group: kind.group, kind: kind.kind, version: kind.version },
  };
}

function patchSchema(dialect: Dialect): JsonObject {
  return { $ref: `${dialect.prefix}io.k8s.apimachinery.pkg.apis.meta.v1.Patch` };
}

/** The definition `patchSchema` points to. */
export const PATCH_DEFINITION: JsonObject = {
  "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": {
    description: "Patch is provided to give a concrete name and type to the Kubernetes PATCH request body.",
    type: "object",
  },
};

const WRITING: readonly (readonly [string, string])[] = [
  ["dryRun", "Only `All` is valid: everything is done but nothing is kept."],
  ["fieldManager", "The name of the actor that makes the change."],
  ["fieldValidation", "What to do about unknown and duplicate fields: Ignore, Warn or Strict."],
];
const LISTING: readonly (readonly [string, string])[] = [
  ["continue", "Where a list in parts goes on."],
  ["fieldSelector", "Restricts the list by fields."],
  ["labelSelector", "Restricts the list by labels."],
  ["resourceVersion", "How recent the answer must be."],
];

function queryParameters(action: string, dialect: Dialect): JsonObject[] {
  const writes = action === "post" || action === "put" || action === "patch";
  const named = writes ? WRITING : action === "list" || action === "deletecollection" ? LISTING : [];
  return named.map(([name, description]) => parameter(name, "query", description, dialect));
}

function pathParameters(kind: Kind, dialect: Dialect, named: boolean): JsonObject[] {
  const parameters: JsonObject[] = [];
  if (named) parameters.push(parameter("name", "path", `name of the ${kind.kind}`, dialect));
  if (kind.namespaced) {
    const description = "object name and auth scope, such as for teams and projects";
    parameters.push(parameter("namespace", "path", description, dialect));
  }
  return parameters;
}

function parameter(name: string, where: "path" | "query", description: string, dialect: Dialect): JsonObject {
  const type = { type: "string", uniqueItems: true };
  return {
    name,
    in: where,
    description,
    ...(where === "path" ? { required: true } : {}),
    ...(dialect.version === 3 ? { schema: type } : type),
  };
}
