import { type FieldError, invalid, quoteText, required, tooLong } from "../apimachinery/field-error.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { decodedBytes, keptForEver, MAX_BYTES, sum, validateKeys } from "./config-map.ts";
import { immutable } from "./field-checks.ts";
import type { V1Secret } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

type Data = Readonly<Record<string, string>>;

const REDACTED = "<secret contents redacted>";

/** What a type of secret must hold for those who read it. */
function validateContent(type: string | undefined, data: Data, secret: V1Secret): FieldError[] {
  const missing = (key: string) => (key in data ? [] : [required(`data[${key}]`)]);
  switch (type) {
    case "kubernetes.io/service-account-token": {
      const account = "kubernetes.io/service-account.name";
      const named = secret.metadata?.annotations?.[account];
      return named ? [] : [required(`metadata.annotations[${account}]`)];
    }
    case "kubernetes.io/dockercfg":
      return [...missing(".dockercfg"), ...validateJson(".dockercfg", data)];
    case "kubernetes.io/dockerconfigjson":
      return [...missing(".dockerconfigjson"), ...validateJson(".dockerconfigjson", data)];
    case "kubernetes.io/basic-auth":
      return "username" in data || "password" in data
        ? []
        : [required("data[username]"), required("data[password]")];
    case "kubernetes.io/ssh-auth":
      return missing("ssh-privatekey");
    case "kubernetes.io/tls":
      return [...missing("tls.crt"), ...missing("tls.key")];
    default:
      return [];
  }
}

function validateJson(key: string, data: Data): FieldError[] {
  const base64 = data[key];
  if (base64 === undefined) return [];
  const text = Buffer.from(base64, "base64").toString("utf8");
  try {
    JSON.parse(text);
    return [];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // Go's words for the two usual mistakes.
    const first = text.trim()[0];
    const why =
      first === undefined || "{[".includes(first)
        ? "unexpected end of JSON input"
        : `invalid character ${quoteText(first).replace(/"/g, "'")} looking for beginning of value`;
    return [invalid(`data[${key}]`, REDACTED, why)];
  }
}

/** Source: api-policy 5.5, 6.5; api-wire 13, 20. */
export const secretRules: KindRules<V1Secret> = {
  defaults(secret) {
    secret.type ||= "Opaque";
    // Plain text for writing only: it wins over data, and is never kept.
    if (secret.stringData !== undefined) {
      for (const [key, text] of Object.entries(secret.stringData))
        secret.data = { ...secret.data, [key]: Buffer.from(text, "utf8").toString("base64") };
      delete secret.stringData;
    }
  },
  validate(secret) {
    const data = secret.data ?? {};
    const errors = validateKeys("data", data);
    if (sum(Object.values(data).map(decodedBytes)) > MAX_BYTES) errors.push(tooLong("data", MAX_BYTES));
    return [...errors, ...validateContent(secret.type, data, secret)];
  },
  // Nobody looks further into a certificate until it is used.
  warnings: ({ type, data = {} }) =>
    type !== "kubernetes.io/tls"
      ? []
      : (["tls.crt", "tls.key"] as const)
          .filter((name) => !/-----BEGIN /.test(Buffer.from(data[name] ?? "", "base64").toString("latin1")))
          .slice(0, 1)
          .map((name) => {
            const input = name === "tls.crt" ? "certificate" : "key";
            return `tls: failed to find any PEM data in ${input} input`;
          }),
  validateUpdate(next, old) {
    const errors = immutable("type", next.type, old.type);
    if (!old.immutable) return errors;
    return [
      ...errors,
      ...keptForEver("immutable", next.immutable ?? false, true),
      ...keptForEver("data", next.data ?? {}, old.data ?? {}),
    ];
  },
  columns: [
    nameColumn,
    column("Type", ({ type }) => type ?? ""),
    column("Data", ({ data }) => Object.keys(data ?? {}).length),
    ageColumn,
  ],
  selectableFieldNames: ["type"],
  selectableFields: ({ type }) => ({ type: type ?? "" }),
};
