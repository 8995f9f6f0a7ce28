import { decodedText } from "../../api/certificate-signing-request.ts";
import type { V1CertificateSigningRequest } from "../../api/generated/types.ts";
import { CertificateSigningRequest } from "../../api/registry.ts";
import { CertificateRequestError, parseCertificateRequest } from "../../apimachinery/certificate-request.ts";
import { type Clock, formatTime } from "../../apimachinery/clock.ts";
import { type Change, updateStatus } from "../change.ts";
import { controller } from "../runtime.ts";
import { self } from "../watches.ts";
import { complaintOf } from "./kubelet-requests.ts";

/** What is to be signed: the subject, the names and the key of the request, for a time and for some purposes. */
export interface Signing {
  readonly request: string;
  readonly usages: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Signs with the cluster's authority; a certificate never outlives it. */
export type SignCertificate = (signing: Signing) => Promise<string>;

export interface ObservedSigning {
  readonly request: V1CertificateSigningRequest;
  readonly outcome: { readonly certificate: string } | { readonly complaint: string };
}

/** As long as a certificate lasts unless less is asked for (--cluster-signing-duration). */
const YEAR_MS = 365 * 24 * 3_600_000;
const SHORTEST_MS = 10 * 60_000;
/** Clocks that are a little behind still accept a new certificate … */
const BACKDATE_MS = 5 * 60_000;
/** … which a short one does not pay for with its end. */
const SHORT_MS = 8 * 3_600_000;

/** Signs approved requests for the signers of kubernetes.io. Source: controllers.md 14.6, Sign. */
export const certificateSigner = (sign: SignCertificate, clock: Clock) =>
  controller<ObservedSigning>({
    name: "csrsigning",
    watches: [self(CertificateSigningRequest)],
    firstDelayMs: 200,
    observe: async (key, { informers }) => {
      const request = informers.get(CertificateSigningRequest).lister.get(key);
      if (request === undefined || !isWaiting(request)) return undefined;
      const complaint = complaintAbout(request);
      if (complaint === "unknown") return undefined;
      if (complaint !== undefined) return { request, outcome: { complaint } };
      const { usages = [], expirationSeconds } = request.spec;
      const text = decodedText(request.spec.request);
      const certificate = await sign({
        request: text,
        usages,
        ...validity(expirationSeconds, clock.nowMs()),
      });
      return { request, outcome: { certificate } };
    },
    reconcile: reconcileSigning,
  });

export function reconcileSigning({ request, outcome }: ObservedSigning, nowMs: number): readonly Change[] {
  const { status } = request;
  if ("certificate" in outcome) {
    const certificate = Buffer.from(outcome.certificate).toString("base64");
    return [updateStatus(CertificateSigningRequest, { ...request, status: { ...status, certificate } })];
  }
  const failed = {
    type: "Failed",
    status: "True",
    reason: "SignerValidationFailure",
    message: outcome.complaint,
    lastUpdateTime: formatTime(nowMs),
  };
  const conditions = [...(status?.conditions ?? []), failed];
  return [updateStatus(CertificateSigningRequest, { ...request, status: { ...status, conditions } })];
}

/** Approved, and nothing else has become of it. */
function isWaiting({ status }: V1CertificateSigningRequest): boolean {
  const types = (status?.conditions ?? [])
    .filter(({ status: value }) => value === "True")
    .map(({ type }) => type);
  return (
    !status?.certificate &&
    types.includes("Approved") &&
    !types.includes("Denied") &&
    !types.includes("Failed")
  );
}

function complaintAbout({ spec }: V1CertificateSigningRequest): string | undefined {
  try {
    const facts = parseCertificateRequest(decodedText(spec.request));
    return complaintOf(spec.signerName, facts, spec.usages ?? []);
  } catch (error) {
    // The API server let none in that cannot be read.
    if (error instanceof CertificateRequestError) return error.message;
    throw error;
  }
}

export function validity(
  seconds: number | undefined,
  nowMs: number,
): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  const lastsMs = seconds === undefined ? YEAR_MS : Math.min(YEAR_MS, Math.max(SHORTEST_MS, seconds * 1000));
  const endMs = nowMs + lastsMs;
  return { notBeforeMs: nowMs - BACKDATE_MS, notAfterMs: lastsMs < SHORT_MS ? endMs : endMs - BACKDATE_MS };
}
