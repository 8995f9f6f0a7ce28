/**
 * What names, label keys and label values may look like. Each check returns Kubernetes' messages; none means good.
 * Source: k8s.io/apimachinery/pkg/util/validation, api/validation (spec api-policy 6.3).
 */
const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE = `(${QUALIFIED})?`;
const CONFIG_KEY = "[-._a-zA-Z0-9]+";

const LABEL_REGEX = new RegExp(`^${LABEL}$`);
const SUBDOMAIN_REGEX = new RegExp(`^${SUBDOMAIN}$`);
const QUALIFIED_REGEX = new RegExp(`^${QUALIFIED}$`);
const LABEL_VALUE_REGEX = new RegExp(`^${LABEL_VALUE}$`);
const CONFIG_KEY_REGEX = new RegExp(`^${CONFIG_KEY}$`);

const LABEL_TEXT = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`;
const SUBDOMAIN_TEXT = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`;
const QUALIFIED_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const QUALIFIED_TEXT = `${QUALIFIED_RULE} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`;
const LABEL_VALUE_TEXT = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${LABEL_VALUE}')`;
const CONFIG_KEY_TEXT = `a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '${CONFIG_KEY}')`;

/** Go counts bytes; these names are ASCII once they are right, so a longer UTF-8 text is wrong either way. */
function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

/** Pods, Deployments and most other names: at most 253 bytes. */
export function isDns1123Subdomain(name: string): string[] {
  const messages: string[] = [];
  if (byteLength(name) > 253) messages.push("must be no more than 253 characters");
  if (!SUBDOMAIN_REGEX.test(name)) messages.push(SUBDOMAIN_TEXT);
  return messages;
}

/** Containers, ports, volumes: at most 63 bytes. */
export function isDns1123Label(name: string): string[] {
  const messages: string[] = [];
  if (byteLength(name) > 63) messages.push("must be no more than 63 characters");
  if (!LABEL_REGEX.test(name))
    messages.push(SUBDOMAIN_REGEX.test(name) ? "must not contain dots" : LABEL_TEXT);
  return messages;
}

const DNS1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const DNS1035_REGEX = new RegExp(`^${DNS1035}$`);
const DNS1035_TEXT = `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '${DNS1035}')`;

/** Names of custom resources and their versions: a label that begins with a letter. */
export function isDns1035Label(name: string): string[] {
  const messages: string[] = [];
  if (byteLength(name) > 63) messages.push("must be no more than 63 characters");
  if (!DNS1035_REGEX.test(name)) messages.push(DNS1035_TEXT);
  return messages;
}

/** Label keys, annotation keys, finalizers: an optional DNS prefix, a slash, a name. */
export function isQualifiedName(key: string): string[] {
  const parts = key.split("/");
  if (parts.length > 2) {
    return [
      `a valid label key ${QUALIFIED_TEXT} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const messages: string[] = [];
  const name = parts.at(-1)!;
  if (parts.length === 2) {
    const prefix = parts[0]!;
    if (prefix === "") messages.push("prefix part must be non-empty");
    else messages.push(...isDns1123Subdomain(prefix).map((message) => `prefix part ${message}`));
  }
  if (name === "") messages.push("name part must be non-empty");
  else if (byteLength(name) > 63) messages.push("name part must be no more than 63 bytes");
  if (!QUALIFIED_REGEX.test(name)) messages.push(`name part ${QUALIFIED_TEXT}`);
  return messages;
}

export function isLabelValue(value: string): string[] {
  const messages: string[] = [];
  if (byteLength(value) > 63) messages.push("must be no more than 63 bytes");
  if (!LABEL_VALUE_REGEX.test(value)) messages.push(LABEL_VALUE_TEXT);
  return messages;
}

/** Keys of ConfigMaps and Secrets. */
export function isConfigMapKey(key: string): string[] {
  const messages: string[] = [];
  if (byteLength(key) > 253) messages.push("must be no more than 253 characters");
  if (!CONFIG_KEY_REGEX.test(key)) messages.push(CONFIG_KEY_TEXT);
  if (key === ".") messages.push("must not be '.'");
  else if (key === "..") messages.push("must not be '..'");
  else if (key.startsWith("..")) messages.push("must not start with '..'");
  return messages;
}

/** Names of roles and bindings: anything that is one path segment. */
export function isPathSegmentName(name: string): string[] {
  if (name === ".") return ["may not be '.'"];
  if (name === "..") return ["may not be '..'"];
  return ["/", "%"].filter((char) => name.includes(char)).map((char) => `may not contain '${char}'`);
}

/** Container port names. */
export function isPortName(name: string): string[] {
  const messages: string[] = [];
  if (byteLength(name) > 15) messages.push("must be no more than 15 characters");
  if (!/^[-a-z0-9]+$/.test(name)) {
    messages.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (!/[a-z]/.test(name)) messages.push("must contain at least one letter (a-z)");
  if (name.includes("--")) messages.push("must not contain consecutive hyphens");
  if (name.startsWith("-") || name.endsWith("-")) messages.push("must not begin or end with a hyphen");
  return messages;
}

export function isPortNumber(port: number): string[] {
  return port >= 1 && port <= 65535 ? [] : ["must be between 1 and 65535, inclusive"];
}

/** Names of environment variables: any printable ASCII but `=`. */
export function isEnvironmentVariableName(name: string): string[] {
  if (name === "") return ["environment variable name must not be empty"];
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(name)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}
