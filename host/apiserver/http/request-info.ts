/** What a request is about, read from its method and path alone. Source: api-policy 1.2. */
export interface RequestInfo {
  /** `get`, `list`, `watch`, `create`, …; for other paths the method in lower case. */
  readonly verb: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly resource?: ResourcePath;
}

export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  /** What follows the subresource, for `proxy`. */
  readonly rest: readonly string[];
}

const VERBS: Readonly<Record<string, string>> = {
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
  GET: "get",
  HEAD: "get",
};

/** `/namespaces/<ns>/status` is about the namespace itself, not a resource in it. */
const NAMESPACE_SUBRESOURCES = new Set(["status", "finalize"]);

/** @returns undefined when the path is not decodable */
export function parseRequest(method: string, url: string): RequestInfo | undefined {
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? undefined : url.slice(mark + 1));
  let segments = path.split("/").filter(isSomething);
  try {
    if (path.includes("%")) segments = segments.map(decodeURIComponent);
  } catch {
    return undefined;
  }
  const head = segments[0] === "api" ? 2 : segments[0] === "apis" ? 3 : Number.POSITIVE_INFINITY;
  if (segments.length <= head) return { verb: method.toLowerCase(), path, query };
  const group = head === 2 ? "" : segments[1]!;
  const version = segments[head - 1]!;
  const legacyWatch = segments[head] === "watch" && segments.length > head + 1;
  const resource = parseResource(group, version, segments.slice(legacyWatch ? head + 1 : head));
  const verb = legacyWatch ? "watch" : refineVerb(VERBS[method] ?? "", resource, query);
  if (legacyWatch && resource.name !== undefined)
    query.set("fieldSelector", `metadata.name=${resource.name}`);
  return { verb, path, query, resource };
}

function isSomething(segment: string): boolean {
  return segment !== "";
}

function parseResource(group: string, version: string, parts: readonly string[]): ResourcePath {
  const [first, namespace, third] = parts;
  const inNamespace =
    first === "namespaces" &&
    namespace !== undefined &&
    third !== undefined &&
    !NAMESPACE_SUBRESOURCES.has(third);
  if (inNamespace) {
    const [plural = "", name, subresource, ...rest] = parts.slice(2);
    return { group, version, plural, namespace, name, subresource, rest };
  }
  const [plural = "", name, subresource, ...rest] = parts;
  return { group, version, plural, name, subresource, rest };
}

function refineVerb(verb: string, { name }: ResourcePath, query: URLSearchParams): string {
  if (name !== undefined) return verb;
  if (verb === "delete") return "deletecollection";
  if (verb !== "get") return verb;
  return isTrue(query.get("watch")) ? "watch" : "list";
}

/** Go's strconv.ParseBool, with the bare `?watch` meaning yes. */
export function isTrue(text: string | null): boolean {
  return text !== null && ["1", "t", "T", "true", "TRUE", "True", ""].includes(text);
}
