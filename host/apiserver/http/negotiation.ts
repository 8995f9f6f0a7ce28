import { ApiError } from "../../apimachinery/errors.ts";

/** How the client wants to see what it asked for. Answers are JSON, or YAML when that comes first. */
export interface Representation {
  readonly as: "object" | "Table" | "PartialObjectMetadata";
  readonly yaml: boolean;
}

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const SERVED = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
const STREAMS = ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"];

/**
 * The first acceptable of the list. A client that asks for protobuf gets JSON: every known one reads the answer's
 * Content-Type (api-wire 2, "JSON-only answers are enough").
 */
export function negotiate(accept: string | undefined): Representation {
  const ranges = parseAccept(accept ?? "*/*");
  let known = false;
  for (const { type, parameters } of ranges) {
    if (!SERVED.includes(type) && type !== "*/*" && type !== "application/*") continue;
    known = true;
    const yaml = type === "application/yaml";
    const as = parameters.get("as");
    if (as === undefined) return { as: "object", yaml };
    if (parameters.get("g") !== "meta.k8s.io" || parameters.get("v") !== "v1") continue;
    if (as === "Table") return { as, yaml };
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") {
      return { as: "PartialObjectMetadata", yaml };
    }
  }
  throw new ApiError("NotAcceptable", known ? onlyThese() : noneOfThese(), {});
}

function noneOfThese(): string {
  return `406: Not Acceptable\n\nAvailable representations: ${[...SERVED, ...STREAMS].join(", ")}`;
}

function onlyThese(): string {
  return `only the following media types are accepted: ${SERVED.join(", ")}`;
}

/** Sorted by `q`, the first named first among equals. */
export function parseAccept(text: string): MediaRange[] {
  return text
    .split(",")
    .map((part) => {
      const [type = "", ...rest] = part.split(";").map((one) => one.trim());
      const parameters = new Map(
        rest.map((one): [string, string] => {
          const [key = "", value = ""] = one.split("=");
          return [key.toLowerCase(), value];
        }),
      );
      return { type: type.toLowerCase() || "*/*", parameters, quality: Number(parameters.get("q") ?? 1) };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

/** The media type of a body, without its parameters; none means JSON (kubectl scale sends none). */
export function bodyType(contentType: string | undefined): string {
  const type = (contentType ?? "").split(";")[0]!.trim().toLowerCase();
  return type === "" ? "application/json" : type;
}

export function unsupportedBody(types: readonly string[] = SERVED): ApiError {
  const accepted = types.join(", ");
  const what = `the body of the request was in an unknown format - accepted media types include: ${accepted}`;
  return new ApiError("UnsupportedMediaType", what);
}

/** Indented for people: asked for, or a browser or curl that did not say. */
export function wantsPretty(query: URLSearchParams, userAgent: string | undefined): boolean {
  const asked = query.get("pretty");
  if (asked !== null) return asked === "1" || asked === "true";
  return /^(curl|Wget|Mozilla)/.test(userAgent ?? "");
}
