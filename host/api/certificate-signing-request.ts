import { X509Certificate } from "node:crypto";
import { CertificateRequestError, parseCertificateRequest } from "../apimachinery/certificate-request.ts";
import { duplicate, type FieldError, invalid, notSupported, required } from "../apimachinery/field-error.ts";
import { isDns1123Label, isDns1123Subdomain } from "../apimachinery/names.ts";
import type { V1CertificateSigningRequest, V1CertificateSigningRequestStatus } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { certificateSigningRequestColumns } from "./plain-columns.ts";

/** The signers of kubernetes.io that a cluster has. */
export const SIGNERS = {
  apiServerClient: "kubernetes.io/kube-apiserver-client",
  kubeletClient: "kubernetes.io/kube-apiserver-client-kubelet",
  kubeletServing: "kubernetes.io/kubelet-serving",
  legacyUnknown: "kubernetes.io/legacy-unknown",
} as const;

/** All usages there are, sorted as Kubernetes lists them. */
const USAGES = [
  "any",
  "cert sign",
  "client auth",
  "code signing",
  "content commitment",
  "crl sign",
  "data encipherment",
  "decipher only",
  "digital signature",
  "email protection",
  "encipher only",
  "ipsec end system",
  "ipsec tunnel",
  "ipsec user",
  "key agreement",
  "key encipherment",
  "microsoft sgc",
  "netscape sgc",
  "ocsp signing",
  "s/mime",
  "server auth",
  "signing",
  "timestamping",
];

const MIN_SECONDS = 600;

/** Source: api-policy 6.5 (ValidateCertificateSigningRequest). Who asks is set when it is admitted. */
export const certificateSigningRequestRules: KindRules<V1CertificateSigningRequest> = {
  ...certificateSigningRequestColumns,
  // What is asked for never changes.
  prepareUpdate(next, old) {
    next.spec = old.spec;
  },
  validate: (request) => [...specErrors(request), ...statusErrors(request.status)],
};

function specErrors({ spec }: V1CertificateSigningRequest): FieldError[] {
  const { request = "", usages = [], signerName = "", expirationSeconds } = spec ?? {};
  const why = requestError(request);
  return [
    ...(why === undefined ? [] : [invalid("spec.request", request, why)]),
    ...(usages.length === 0 ? [required("spec.usages")] : []),
    ...usages.flatMap((usage, index) =>
      USAGES.includes(usage) ? [] : [notSupported(`spec.usages[${index}]`, usage, USAGES)],
    ),
    ...usages.flatMap((usage, index) =>
      usages.indexOf(usage) < index ? [duplicate(`spec.usages[${index}]`, usage)] : [],
    ),
    ...signerErrors(signerName),
    ...(expirationSeconds !== undefined && expirationSeconds < MIN_SECONDS
      ? [
          invalid(
            "spec.expirationSeconds",
            expirationSeconds,
            "may not specify a duration less than 600 seconds (10 minutes)",
          ),
        ]
      : []),
  ];
}

function requestError(request: string): string | undefined {
  try {
    parseCertificateRequest(decodedText(request));
    return undefined;
  } catch (error) {
    if (error instanceof CertificateRequestError) return error.message;
    throw error;
  }
}

/** The PEM that a field of bytes holds. */
export function decodedText(base64: string): string {
  return Buffer.from(base64, "base64").toString();
}

function signerErrors(name: string): FieldError[] {
  const field = "spec.signerName";
  if (name === SIGNERS.legacyUnknown)
    return [invalid(field, name, "the legacy signerName is not allowed via this API version")];
  if (name === "") return [required(field)];
  const [domain = "", path, ...more] = name.split("/");
  if (path === undefined || path === "" || more.length > 0 || domain === "") {
    const why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    return [invalid(field, name, why)];
  }
  const domainErrors = [
    ...isDns1123Subdomain(domain),
    ...(domain.includes(".") ? [] : ["should be a domain with at least two segments separated by dots"]),
  ];
  const pathErrors = path.split(".").some((label) => isDns1123Label(label).length > 0)
    ? isDns1123Subdomain(path)
    : [];
  return [
    ...domainErrors.map((why) =>
      invalid(field, domain, `validating label ${JSON.stringify(domain)}: ${why}`),
    ),
    ...pathErrors.map((why) => invalid(field, path, `validating label ${JSON.stringify(path)}: ${why}`)),
  ];
}

function statusErrors(status: V1CertificateSigningRequestStatus | undefined): FieldError[] {
  const conditions = status?.conditions ?? [];
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { type, status: value }] of conditions.entries()) {
    const field = `status.conditions[${index}]`;
    if (!type) errors.push(required(`${field}.type`));
    const allowed = ["Approved", "Denied", "Failed"].includes(type) ? ["True"] : ["False", "True", "Unknown"];
    if (!value) errors.push(required(`${field}.status`));
    else if (!allowed.includes(value)) errors.push(notSupported(`${field}.status`, value, allowed));
    const other = type === "Approved" ? "Denied" : type === "Denied" ? "Approved" : undefined;
    if (other !== undefined && seen.has(other))
      errors.push(
        invalid("status.conditions", type, "Approved and Denied conditions are mutually exclusive"),
      );
    if (seen.has(type)) errors.push(duplicate(`${field}.type`, type));
    seen.add(type);
  }
  const why = certificateError(status?.certificate);
  return why === undefined ? errors : [...errors, invalid("status.certificate", "<certificate data>", why)];
}

function certificateError(certificate: string | undefined): string | undefined {
  if (!certificate) return undefined;
  const blocks = decodedText(certificate).match(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g) ?? [];
  for (const block of blocks) {
    if (!block.startsWith("-----BEGIN CERTIFICATE-----"))
      return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(/BEGIN ([^-]*)-/.exec(block)?.[1])}`;
    try {
      new X509Certificate(block);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return blocks.length === 0 ? "must contain at least one CERTIFICATE PEM block" : undefined;
}
