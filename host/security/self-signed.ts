import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { issueCertificate, type Subject } from "./certificate.ts";
import type { KeyAndCertificate } from "./pki.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const DAYS = 365;

/** A serving certificate that nobody else signed, for a port whose owner gave none: it lives as long as the process. */
export async function selfSigned(
  subject: Subject,
  hosts: readonly string[],
  nowMs: number,
): Promise<KeyAndCertificate> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const cert = await issueCertificate(
    {
      subject,
      usage: "server",
      publicKey: createPublicKey(privateKey),
      notBeforeMs: nowMs - DAY_MS,
      notAfterMs: nowMs + DAYS * DAY_MS,
      hosts,
    },
    { subject, privateKey },
  );
  return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}
