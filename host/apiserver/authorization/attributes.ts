import { parseFieldSelector } from "../../apimachinery/selectors.ts";
import type { User } from "../api.ts";

/** What is asked for permission: who, to do what, to which resource or path. Source: api-policy 1.2. */
export interface Attributes {
  readonly user: User;
  /** Of a resource: get, list, watch, create, …; of a path: the method in lower case. */
  readonly verb: string;
  readonly resource?: ResourceAttributes;
  /** Of requests that are not for a resource. */
  readonly path?: string;
}

export interface ResourceAttributes {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly subresource?: string;
  /** Absent: at the cluster scope, or in all namespaces. */
  readonly namespace?: string;
  readonly name?: string;
  /** Terms that must hold, field to value, of a list, watch or deletecollection. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** No authorizer here ever forbids: what none allows is forbidden. */
export interface Decision {
  readonly allowed: boolean;
  /** Why; shown to the one who asked, or kept for the audit. */
  readonly reason: string;
}

export const NO_OPINION: Decision = { allowed: false, reason: "" };

/** Part of a request, as `http/request-info.ts` reads it. */
export interface RequestedThing {
  readonly verb: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly resource?: ResourceAttributes;
}

const SELECTING = new Set(["list", "watch", "deletecollection"]);

export function attributesOf(user: User, { verb, path, query, resource }: RequestedThing): Attributes {
  // A HEAD is a GET that shows less.
  if (resource === undefined) return { user, verb: verb === "head" ? "get" : verb, path };
  const { group, version, plural, subresource } = resource;
  let { name, namespace } = resource;
  // A namespace is also in itself, so that a Role there may allow to read it.
  if (group === "" && plural === "namespaces" && name !== undefined) namespace = name;
  const fields = SELECTING.has(verb) ? exactFields(query.get("fieldSelector")) : undefined;
  // Names of roles do not reach a deletecollection, not even one that is narrowed to a name.
  if (verb !== "deletecollection") name ??= fields?.["metadata.name"];
  return { user, verb, resource: { group, version, plural, subresource, namespace, name, fields } };
}

/** A selector that does not parse says nothing here; whoever serves the request refuses it. */
function exactFields(text: string | null): Readonly<Record<string, string>> | undefined {
  if (!text) return undefined;
  try {
    const exact = parseFieldSelector(text).filter(({ op, value }) => op === "=" && value !== "");
    return Object.fromEntries(exact.map(({ field, value }) => [field, value]));
  } catch {
    return undefined;
  }
}
