import { type Document, LineCounter, parseAllDocuments, type Tags, type YAMLParseError } from "yaml";
import { type ApiError, badRequest } from "./errors.ts";
import { countKeys, duplicateKeys, JsonSyntaxError, parseJson } from "./json-text.ts";

/** A request body's text as a value. What a strict reader holds against it is worked out when asked for. */
export interface ParsedBody {
  readonly value: unknown;
  /** Paths of keys given twice, the last of which won: `data.a`; for YAML the key alone. */
  readonly duplicateFields: string[];
  /** The same in the words of a warning: `duplicate field "data.a"`, for YAML `line 5: key "name" already set in map`. */
  readonly strictErrors: string[];
}

/**
 * Reads JSON or YAML text. Protobuf is read by `decodeProtobuf`.
 *
 * @param contentType  YAML when it names yaml, else JSON
 * @param kind         what the caller expected, for the error's words
 * Throws ApiError 400 in Kubernetes' words.
 */
export function parseBody(bytes: Uint8Array, contentType: string, kind = ""): ParsedBody {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  try {
    return contentType.includes("yaml") ? parseYaml(text) : parseJsonBody(text);
  } catch (error) {
    if (error instanceof YamlSyntaxError) {
      throw unrecognized(kind, `error converting YAML to JSON: ${error.message}`, bytes);
    }
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw unrecognized(kind, `couldn't get version/kind; json parse error: ${error.message}`, bytes);
  }
}

function unrecognized(kind: string, why: string, bytes: Uint8Array): ApiError {
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind}): ${why} (${summary(bytes)})`,
  );
}

/** How much of a body Kubernetes repeats. */
const SUMMARY_BYTES = 30;

/** The beginning of a body: text when it looks like JSON, else hexadecimal. */
function summary(bytes: Uint8Array): string {
  if (bytes.length === 0) return "<empty>";
  const head = Buffer.from(bytes.subarray(0, SUMMARY_BYTES));
  const shown = bytes[0] === 0x7b ? head.toString("utf8") : head.toString("hex");
  return bytes.length > SUMMARY_BYTES ? `${shown} ...` : shown;
}

function parseJsonBody(text: string): ParsedBody {
  const value = parseJson(text);
  return lazily(
    value,
    () => duplicateKeys(text, value),
    (path) => `duplicate field "${path}"`,
  );
}

/** Scanning for duplicates costs about as much as parsing; it is left out when nobody asks. */
function lazily(
  value: unknown,
  find: () => string[],
  inWords: (path: string, i: number) => string,
): ParsedBody {
  let found: string[] | undefined;
  return {
    value,
    get duplicateFields() {
      found ??= find();
      return found;
    },
    get strictErrors() {
      return this.duplicateFields.map(inWords);
    },
  };
}

/** A YAML text that cannot be read; go-yaml's words as far as they can be told. */
export class YamlSyntaxError extends Error {
  override readonly name = "YamlSyntaxError";
}

/** Aliases may multiply a document at most this often (the "billion laughs" attack). */
const MAX_ALIASES = 100;

/** YAML 1.1 as sigs.k8s.io/yaml reads it: yes and on are booleans, 0777 is octal, but times stay text. */
function kubernetesTags(tags: Tags): Tags {
  const absent = ["timestamp", "set", "omap", "pairs", "binary"].map((name) => `tag:yaml.org,2002:${name}`);
  return tags.filter(
    (tag) =>
      typeof tag === "string" || (!absent.includes(tag.tag) && !("format" in tag && tag.format === "TIME")),
  );
}

/** The first document of a YAML text. Throws YamlSyntaxError. */
export function parseYaml(text: string): ParsedBody {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    version: "1.1",
    merge: true,
    prettyErrors: false,
    logLevel: "silent",
    lineCounter: lines,
    customTags: kubernetesTags,
  });
  const document = "empty" in documents ? undefined : documents[0];
  if (document === undefined) return lazily(null, () => [], String);
  const fatal = document.errors.find((error) => error.code !== "DUPLICATE_KEY");
  if (fatal) throw new YamlSyntaxError(goYamlError(fatal, lines));
  const repeated = document.errors.map((error) => ({
    key: keyAt(text, error.pos[0]),
    line: lines.linePos(error.pos[0]).line,
  }));
  return lazily(
    toValue(document),
    () => repeated.map(({ key }) => key),
    (key, i) => `line ${repeated[i]?.line}: key ${JSON.stringify(key)} already set in map`,
  );
}

function keyAt(text: string, offset: number): string {
  const key = /^[^\s:]*/.exec(text.slice(offset, offset + 256))?.[0] ?? "";
  return key.replace(/^["']|["']$/g, "");
}

function toValue(document: Document.Parsed): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    countKeys(value);
    return value;
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new YamlSyntaxError("yaml: exceeded max depth");
    const unknownAlias = error instanceof ReferenceError && /: (.*)$/.exec(error.message)?.[1];
    if (unknownAlias) throw new YamlSyntaxError(`yaml: unknown anchor '${unknownAlias}' referenced`);
    if (error instanceof ReferenceError) {
      throw new YamlSyntaxError("yaml: document contains excessive aliasing");
    }
    throw error;
  }
}

const GO_YAML_WORDS: Readonly<Record<string, string>> = {
  BLOCK_AS_IMPLICIT_KEY: "mapping values are not allowed in this context",
  TAB_AS_INDENT: "found character that cannot start any token",
  MISSING_CHAR: "could not find expected ':'",
  BAD_INDENT: "did not find expected key",
  UNEXPECTED_TOKEN: "did not find expected node content",
};

/** go-yaml leaves the line out when it is the first. */
function goYamlError(error: YAMLParseError, lines: LineCounter): string {
  const { line } = lines.linePos(error.pos[0]);
  const words = /quote/.test(error.message) ? "found unexpected end of stream" : GO_YAML_WORDS[error.code];
  return `yaml: ${line > 1 ? `line ${line}: ` : ""}${words ?? error.message}`;
}
