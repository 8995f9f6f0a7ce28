import { type ApiError, badRequest } from "./errors.ts";
import { duplicateKeys, JsonSyntaxError, parseCountedJson } from "./json-text.ts";
import { readYaml, YamlSyntaxError } from "./yaml-text.ts";

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
    return contentType.includes("yaml") ? parseYamlBody(text) : parseJsonBody(text);
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
  const { value, keys } = parseCountedJson(text);
  return lazily(
    value,
    () => duplicateKeys(text, keys),
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

function parseYamlBody(text: string): ParsedBody {
  const { value, repeated } = readYaml(text);
  return lazily(
    value,
    () => repeated.map(({ key }) => key),
    (key, i) => `line ${repeated[i]?.line}: key ${JSON.stringify(key)} already set in map`,
  );
}
