import { duplicate, type FieldError, invalid, notSupported, required } from "../apimachinery/field-error.ts";
import { isDns1123Subdomain } from "../apimachinery/names.ts";
import { admissionEnvironment } from "./cel/admission.ts";
import { matchConditionErrors } from "./cel/match-conditions.ts";
import { checked, oneOf, validateLabelSelector } from "./field-checks.ts";
import type * as t from "./generated/types.ts";

type Webhook = t.V1MutatingWebhook | t.V1ValidatingWebhook;

const VERSIONS = ["v1", "v1beta1"];
const OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const MIN_SEGMENTS = 3;
const MAX_TIMEOUT_SECONDS = 30;

/** Source: k8s.io/kubernetes/pkg/apis/admissionregistration/validation; api-policy 4.9. */
export function webhookErrors(webhooks: readonly Webhook[] = []): FieldError[] {
  const names = webhooks.map(({ name }) => name);
  return webhooks.flatMap((webhook, index) => {
    const at = `webhooks[${index}]`;
    const repeated = names.indexOf(webhook.name) < index ? [duplicate(`${at}.name`, webhook.name)] : [];
    return [...nameErrors(`${at}.name`, webhook.name), ...oneErrors(at, webhook), ...repeated];
  });
}

function nameErrors(field: string, name = ""): FieldError[] {
  if (name === "") return [required(field)];
  const wrong = checked(field, name, isDns1123Subdomain(name));
  if (wrong.length > 0 || name.split(".").length >= MIN_SEGMENTS) return wrong;
  const why = "should be a domain with at least three segments separated by dots";
  return [invalid(field, name, why)];
}

let known: ReturnType<typeof admissionEnvironment> | undefined;

function environment() {
  known ??= admissionEnvironment({ authorizer: true });
  return known;
}

function oneErrors(at: string, webhook: Webhook): FieldError[] {
  const { sideEffects, admissionReviewVersions = [], timeoutSeconds, failurePolicy, matchPolicy } = webhook;
  const errors = (webhook.rules ?? []).flatMap((rule, index) => ruleErrors(`${at}.rules[${index}]`, rule));
  errors.push(...oneOf(`${at}.failurePolicy`, failurePolicy, ["Fail", "Ignore"]));
  errors.push(...oneOf(`${at}.matchPolicy`, matchPolicy, ["Equivalent", "Exact"]));
  const kept = ["None", "NoneOnDryRun"];
  if (!sideEffects) errors.push(required(`${at}.sideEffects`, `must specify one of ${kept.join(", ")}`));
  else errors.push(...oneOf(`${at}.sideEffects`, sideEffects, kept));
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > MAX_TIMEOUT_SECONDS)) {
    const why = `the timeout value must be between 1 and ${MAX_TIMEOUT_SECONDS} seconds`;
    errors.push(invalid(`${at}.timeoutSeconds`, timeoutSeconds, why));
  }
  errors.push(...reviewVersionErrors(`${at}.admissionReviewVersions`, admissionReviewVersions));
  errors.push(...validateLabelSelector(`${at}.namespaceSelector`, webhook.namespaceSelector));
  errors.push(...validateLabelSelector(`${at}.objectSelector`, webhook.objectSelector));
  errors.push(...clientErrors(`${at}.clientConfig`, webhook.clientConfig));
  if ("reinvocationPolicy" in webhook)
    errors.push(...oneOf(`${at}.reinvocationPolicy`, webhook.reinvocationPolicy, ["Never", "IfNeeded"]));
  errors.push(...matchConditionErrors(`${at}.matchConditions`, webhook.matchConditions, environment));
  return errors;
}

/** Of admission and of conversion. */
export function reviewVersionErrors(field: string, versions: readonly string[]): FieldError[] {
  if (versions.length === 0) return [required(field, `must specify one of ${VERSIONS.join(", ")}`)];
  const repeated = versions.flatMap((version, index) =>
    versions.indexOf(version) < index ? [duplicate(`${field}[${index}]`, version)] : [],
  );
  if (versions.some((version) => VERSIONS.includes(version))) return repeated;
  return [...repeated, invalid(field, versions, `must include at least one of ${VERSIONS.join(", ")}`)];
}

/** Where a webhook is. Source: k8s.io/apiserver/pkg/util/webhook/validation.go. */
export function clientErrors(
  field: string,
  config: t.AdmissionregistrationV1WebhookClientConfig | undefined,
): FieldError[] {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined))
    return [required(field, "exactly one of url or service is required")];
  if (url !== undefined) return urlErrors(`${field}.url`, url);
  return serviceErrors(`${field}.service`, service!);
}

function urlErrors(field: string, url: string): FieldError[] {
  const form = "; desired format: https://host[/path]";
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1] ?? "";
  if (scheme.toLowerCase() !== "https")
    return [invalid(field, scheme, `'https' is the only allowed URL scheme${form}`)];
  if (!URL.canParse(url)) return [invalid(field, "", `host must be specified${form}`)];
  const { username, password, hash, search, host } = new URL(url);
  const errors: FieldError[] = [];
  if (host === "") errors.push(invalid(field, host, `host must be specified${form}`));
  if (username !== "" || password !== "")
    errors.push(invalid(field, username, "user information is not permitted in the URL"));
  if (hash !== "") errors.push(invalid(field, hash.slice(1), "fragments are not permitted in the URL"));
  if (search !== "")
    errors.push(invalid(field, search.slice(1), "query parameters are not permitted in the URL"));
  return errors;
}

function serviceErrors(field: string, service: t.AdmissionregistrationV1ServiceReference): FieldError[] {
  const { name, namespace, port = 443, path } = service;
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${field}.name`, "service name is required"));
  if (!namespace) errors.push(required(`${field}.namespace`, "service namespace is required"));
  if (port < 1 || port > 65_535) {
    const why = "port is not valid: must be between 1 and 65535, inclusive";
    errors.push(invalid(`${field}.port`, port, why));
  }
  if (path === undefined || path === "/") return errors;
  return [...errors, ...pathErrors(`${field}.path`, path)];
}

function pathErrors(field: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!path.startsWith("/")) errors.push(invalid(field, path, "must start with a '/'"));
  const steps = path.slice(1).split("/");
  for (const [index, step] of steps.entries()) {
    if (step === "" && index === steps.length - 1) break;
    if (step === "") errors.push(invalid(field, path, `segment[${index}] may not be empty`));
    else
      for (const why of isDns1123Subdomain(step))
        errors.push(invalid(field, path, `segment[${index}]: ${why}`));
  }
  return errors;
}

/** Which writes a webhook or a policy is for. */
export function ruleErrors(field: string, rule: t.V1NamedRuleWithOperations): FieldError[] {
  const { apiGroups = [], apiVersions = [], resources = [], operations = [], scope } = rule;
  const errors: FieldError[] = [];
  const aloneOrListed = (name: string, said: readonly string[], others: string) => {
    const at = `${field}.${name}`;
    if (said.length === 0) errors.push(required(at));
    if (said.length > 1 && said.includes("*"))
      errors.push(invalid(at, said, `if '*' is present, must not specify other ${others}`));
  };
  aloneOrListed("operations", operations, "operations");
  for (const [index, one] of operations.entries())
    if (!OPERATIONS.includes(one))
      errors.push(notSupported(`${field}.operations[${index}]`, one, OPERATIONS));
  aloneOrListed("apiGroups", apiGroups, "API groups");
  aloneOrListed("apiVersions", apiVersions, "API versions");
  for (const [index, one] of apiVersions.entries())
    if (one === "") errors.push(required(`${field}.apiVersions[${index}]`));
  errors.push(...resourceErrors(`${field}.resources`, resources));
  errors.push(...oneOf(`${field}.scope`, scope, ["*", "Cluster", "Namespaced"]));
  return errors;
}

function resourceErrors(field: string, resources: readonly string[]): FieldError[] {
  if (resources.length === 0) return [required(field)];
  const errors = resources.flatMap((one, index) => (one === "" ? [required(`${field}[${index}]`)] : []));
  const alone = (why: string) => errors.push(invalid(field, resources, why));
  if (resources.length > 1 && resources.includes("*/*"))
    alone("if '*/*' is present, must not specify other resources");
  if (resources.includes("*") && resources.some((one) => one !== "*" && !one.includes("/")))
    alone("if '*' is present, must not specify other resources without subresources");
  return errors;
}
