import type { Environment } from "@marcbachmann/cel-js";

/** What a text may grow to in one step. */
const MAX_TEXT = 1_000_000;

/** Kubernetes' string functions that the library does not have. Source: cel-go ext/strings.go, version 2. */
export function registerStrings(environment: Environment): Environment {
  return environment
    .registerFunction("string.charAt(int): string", (text: string, at: bigint) => {
      if (at < 0n || at > BigInt(text.length)) throw new Error(`index out of range: ${at}`);
      return text.charAt(Number(at));
    })
    .registerFunction("string.replace(string, string): string", (text: string, old: string, next: string) =>
      bounded(text.split(old), next),
    )
    .registerFunction(
      "string.replace(string, string, int): string",
      (text: string, old: string, next: string, count: bigint) => {
        if (count < 0n) return bounded(text.split(old), next);
        const parts = text.split(old);
        const at = Math.min(Number(count), parts.length - 1);
        return bounded([...parts.slice(0, at), parts.slice(at).join(old)], next);
      },
    )
    .registerFunction("string.format(list): string", (text: string, values: unknown[]) =>
      formatted(text, values),
    );
}

function bounded(parts: readonly string[], between: string): string {
  const length = parts.reduce((sum, part) => sum + part.length, between.length * (parts.length - 1));
  if (length > MAX_TEXT) throw new Error(`a text of more than ${MAX_TEXT} characters`);
  return parts.join(between);
}

/** `%s` anything, `%d` whole numbers, `%f` and `%.2f`, `%x`, `%%`. */
function formatted(text: string, values: readonly unknown[]): string {
  let next = 0;
  return text.replace(/%(?:\.(\d{1,2}))?([a-zA-Z%])/g, (_, precision: string | undefined, verb: string) => {
    if (verb === "%") return "%";
    if (next >= values.length) throw new Error(`index ${next} out of range`);
    const value = values[next++];
    switch (verb) {
      case "s":
        return shown(value);
      case "d":
        if (typeof value === "bigint") return String(value);
        break;
      case "f":
        if (typeof value === "number" || typeof value === "bigint")
          return Number(value).toFixed(Number(precision ?? 6));
        break;
      case "x":
        if (typeof value === "bigint") return value.toString(16);
        if (typeof value === "string") return Buffer.from(value).toString("hex");
        break;
      default:
        throw new Error(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
    }
    throw new Error(`error during formatting: %${verb} cannot be used here`);
  });
}

/** A value within a text, as cel-go writes it. */
function shown(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  if (value instanceof Date) return `${value.toISOString().replace(/\.000Z$/, "Z")}`;
  if (value instanceof Map || Object.getPrototypeOf(value) === Object.prototype) {
    const entries = value instanceof Map ? [...value] : Object.entries(value as object);
    return `{${entries.map(([key, one]) => `${shown(key)}: ${shown(one)}`).join(", ")}}`;
  }
  return String(value);
}
