import { isIP } from "node:net";
import { type FieldError, invalid, required } from "../apimachinery/field-error.ts";
import { isDns1123Label, isDns1123Subdomain, isPortNumber } from "../apimachinery/names.ts";
import { checked, named, oneOf } from "./field-checks.ts";
import type {
  V1HTTPIngressPath,
  V1Ingress,
  V1IngressBackend,
  V1IngressServiceBackend,
} from "./generated/types.ts";

const PATH_TYPES = ["Exact", "ImplementationSpecific", "Prefix"];
const IN_PATH = ["//", "/./", "/../", "%2f", "%2F"];
const AT_END = ["/..", "/."];
const CLASS_ANNOTATION = "kubernetes.io/ingress.class";
const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const WILDCARD = `\\*\\.${LABEL}(\\.${LABEL})*`;
const WILDCARD_TEXT = `a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '${WILDCARD}')`;

/** Source: api-policy 6.5 (k8s.io/kubernetes/pkg/apis/networking/validation). */
export function validateIngress({ metadata, spec }: V1Ingress): FieldError[] {
  const errors: FieldError[] = [];
  const annotated = metadata?.annotations?.[CLASS_ANNOTATION];
  if (annotated !== undefined && spec?.ingressClassName !== undefined && annotated !== spec.ingressClassName)
    errors.push(
      invalid(
        `annotations.${CLASS_ANNOTATION}`,
        annotated,
        "must match `ingressClassName` when both are specified",
      ),
    );
  if (!spec?.defaultBackend && !spec?.rules?.length)
    errors.push(invalid("spec", null, "either `defaultBackend` or `rules` must be specified"));
  if (spec?.defaultBackend) errors.push(...validateBackend("spec.defaultBackend", spec.defaultBackend));
  for (const [index, { host, http }] of (spec?.rules ?? []).entries()) {
    const field = `spec.rules[${index}]`;
    if (host) errors.push(...validateHost(`${field}.host`, host));
    if (http === undefined) continue;
    if (!http.paths?.length) errors.push(required(`${field}.http.paths`));
    for (const [at, path] of (http.paths ?? []).entries())
      errors.push(...validatePath(`${field}.http.paths[${at}]`, path));
  }
  for (const [index, { hosts }] of (spec?.tls ?? []).entries())
    for (const [at, host] of (hosts ?? []).entries()) {
      const field = `spec.tls[${index}].hosts[${at}]`;
      errors.push(...checked(field, host, hostErrors(host)));
    }
  if (spec?.ingressClassName !== undefined)
    errors.push(
      ...checked("spec.ingressClassName", spec.ingressClassName, isDns1123Subdomain(spec.ingressClassName)),
    );
  return errors;
}

function hostErrors(host: string): string[] {
  if (!host.includes("*")) return isDns1123Subdomain(host);
  return new RegExp(`^${WILDCARD}$`).test(host) ? [] : [WILDCARD_TEXT];
}

function validateHost(field: string, host: string): FieldError[] {
  const address = isIP(host) !== 0 ? [invalid(field, host, "must be a DNS name, not an IP address")] : [];
  return [...address, ...checked(field, host, hostErrors(host))];
}

function validatePath(field: string, { path, pathType, backend }: V1HTTPIngressPath): FieldError[] {
  const errors = pathType
    ? oneOf(`${field}.pathType`, pathType, PATH_TYPES)
    : [required(`${field}.pathType`, "pathType must be specified")];
  const at = `${field}.path`;
  if (pathType === "Exact" || pathType === "Prefix") {
    if (!path?.startsWith("/")) errors.push(invalid(at, path ?? "", "must be an absolute path"));
    for (const bad of IN_PATH)
      if (path?.includes(bad)) errors.push(invalid(at, path, `must not contain '${bad}'`));
    for (const bad of AT_END)
      if (path?.endsWith(bad)) errors.push(invalid(at, path, `cannot end with '${bad}'`));
  } else if (pathType === "ImplementationSpecific" && path && !path.startsWith("/"))
    errors.push(invalid(at, path, "must be an absolute path"));
  return [...errors, ...validateBackend(`${field}.backend`, backend ?? {})];
}

function validateBackend(field: string, { resource, service }: V1IngressBackend): FieldError[] {
  if (resource && service) return [invalid(field, "", "cannot set both resource and service backends")];
  if (service) return validateServiceBackend(`${field}.service`, service);
  return resource ? [] : [invalid(field, "", "resource or service backend is required")];
}

function validateServiceBackend(field: string, { name, port }: V1IngressServiceBackend): FieldError[] {
  const errors = named(`${field}.name`, name, isDns1123Label);
  const { name: portName, number } = port ?? {};
  if (portName && number) errors.push(invalid(field, "", "cannot set both port name & port number"));
  else if (portName) errors.push(...checked(`${field}.port.name`, portName, isDns1123Label(portName)));
  else if (number) errors.push(...checked(`${field}.port.number`, number, isPortNumber(number)));
  else errors.push(required(field, "port name or number is required"));
  return errors;
}
