import { X509Certificate } from "node:crypto";
import { decodedText } from "../../api/certificate-signing-request.ts";
import type { V1CertificateSigningRequest } from "../../api/generated/types.ts";
import { CertificateSigningRequest } from "../../api/registry.ts";
import { type Change, remove } from "../change.ts";
import { controller } from "../runtime.ts";
import { self } from "../watches.ts";

const HOUR_MS = 3_600_000;
/** What was decided is kept for an hour, what was not for a day. */
const DECIDED_MS = HOUR_MS;
const PENDING_MS = 24 * HOUR_MS;

/** Removes requests that have served their time, at the moment and not by the hour. Source: controllers.md 14.6, Clean. */
export const certificateCleaner = controller<V1CertificateSigningRequest>({
  name: "csrcleaner",
  watches: [self(CertificateSigningRequest)],
  workers: 1,
  observe: (key, { informers }) => informers.get(CertificateSigningRequest).lister.get(key),
  reconcile: reconcileAge,
});

export function reconcileAge(request: V1CertificateSigningRequest, nowMs: number): readonly Change[] {
  const dueMs = outlivedMs(request);
  if (dueMs > nowMs) return [{ do: "again", afterMs: dueMs - nowMs }];
  const failure = ({ code }: { code: number }) => (code === 404 ? [] : undefined);
  const preconditions = { uid: request.metadata?.uid };
  return [remove(CertificateSigningRequest, request, { preconditions, failure })];
}

/** When nobody needs it any more. */
function outlivedMs({ metadata, status }: V1CertificateSigningRequest): number {
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) return timeOf(metadata?.creationTimestamp) + PENDING_MS;
  const dues = conditions.flatMap(({ type, lastUpdateTime }) => {
    const since = timeOf(lastUpdateTime);
    if (type === "Denied" || type === "Failed") return [since + DECIDED_MS];
    if (type !== "Approved") return [];
    return status?.certificate
      ? [since + DECIDED_MS, Math.max(since, expiryOf(status.certificate))]
      : [since + PENDING_MS];
  });
  return Math.min(...dues, Number.MAX_SAFE_INTEGER);
}

function timeOf(text: string | undefined): number {
  return text === undefined ? Number.MAX_SAFE_INTEGER - PENDING_MS : Date.parse(text);
}

function expiryOf(certificate: string): number {
  try {
    return Date.parse(new X509Certificate(decodedText(certificate)).validTo);
  } catch {
    // The API server takes nothing for a certificate that is none; the hour ends it in any case.
    return Number.MAX_SAFE_INTEGER;
  }
}
