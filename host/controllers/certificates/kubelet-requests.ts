import { SIGNERS } from "../../api/certificate-signing-request.ts";
import type { CertificateRequestFacts } from "../../apimachinery/certificate-request.ts";

/** What a request must be for its signer. Source: controllers.md 14.6 (ValidateKubeletServingCSR and its siblings). */
export type Complaint = string | undefined;

const NODES_GROUP = "system:nodes";
const NODE_PREFIX = "system:node:";

/** Why the signer refuses; undefined: it signs. "unknown": no signer of ours. */
export function complaintOf(
  signerName: string,
  request: CertificateRequestFacts,
  usages: readonly string[],
): Complaint | "unknown" {
  switch (signerName) {
    case SIGNERS.kubeletServing:
      return kubeletServing(request, usages);
    case SIGNERS.kubeletClient:
      return kubeletClient(request, usages);
    case SIGNERS.apiServerClient:
      return apiServerClient(usages);
    case SIGNERS.legacyUnknown:
      return undefined;
    default:
      return "unknown";
  }
}

function kubeletServing(request: CertificateRequestFacts, usages: readonly string[]): Complaint {
  if (!isOfNodes(request)) return "subject organization is not system:nodes";
  if (request.dnsNames.length === 0 && request.ipAddresses.length === 0)
    return "DNS or IP subjectAltName is required";
  if (request.emailAddresses.length > 0) return "Email subjectAltNames are not allowed";
  if (request.uris.length > 0) return "URI subjectAltNames are not allowed";
  return usageComplaint(usages, "server auth") ?? nameComplaint(request);
}

/** Also how a request is recognised that may be approved by itself. */
export function kubeletClient(request: CertificateRequestFacts, usages: readonly string[]): Complaint {
  if (!isOfNodes(request)) return "subject organization is not system:nodes";
  if (request.dnsNames.length > 0) return "DNS subjectAltNames are not allowed";
  if (request.emailAddresses.length > 0) return "Email subjectAltNames are not allowed";
  if (request.ipAddresses.length > 0) return "IP subjectAltNames are not allowed";
  if (request.uris.length > 0) return "URI subjectAltNames are not allowed";
  return nameComplaint(request) ?? usageComplaint(usages, "client auth");
}

function apiServerClient(usages: readonly string[]): Complaint {
  const other = usages.find((one) => !["client auth", "digital signature", "key encipherment"].includes(one));
  if (other !== undefined) return `invalid usage for client certificate: ${other}`;
  return usages.includes("client auth")
    ? undefined
    : "missing required usage for client certificate: client auth";
}

function isOfNodes({ organizations }: CertificateRequestFacts): boolean {
  return organizations.length === 1 && organizations[0] === NODES_GROUP;
}

function nameComplaint({ commonName }: CertificateRequestFacts): Complaint {
  return commonName.startsWith(NODE_PREFIX)
    ? undefined
    : "subject common name does not begin with system:node:";
}

/** Key encipherment is for RSA keys alone, so it may be left out. */
function usageComplaint(usages: readonly string[], purpose: string): Complaint {
  const wanted = ["digital signature", "key encipherment", purpose].sort();
  const said = new Set([...usages, "key encipherment"]);
  const isGood = said.size === wanted.length && wanted.every((one) => said.has(one));
  return isGood ? undefined : `usages did not match [${wanted.join(" ")}]`;
}
