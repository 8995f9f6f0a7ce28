import { createPrivateKey, createPublicKey, webcrypto, X509Certificate } from "node:crypto";
import type { Extension } from "@peculiar/x509";
import { certificateRequestBytes } from "../apimachinery/certificate-request.ts";
import { importKey, SIGNATURE, serialNumber } from "./certificate.ts";
import type { Pki } from "./pki.ts";

/** What is taken from a request, and what the signer says. Both texts are PEM. */
export interface RequestSigning {
  readonly request: string;
  readonly usages: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Usage -> bit of the key usage extension. */
const KEY_USAGES: Readonly<Record<string, number>> = {
  signing: 1,
  "digital signature": 1,
  "content commitment": 2,
  "key encipherment": 4,
  "data encipherment": 8,
  "key agreement": 16,
  "cert sign": 32,
  "crl sign": 64,
  "encipher only": 128,
  "decipher only": 256,
};

/** Usage -> object identifier of the extended key usage extension. */
const PURPOSES: Readonly<Record<string, string>> = {
  any: "2.5.29.37.0",
  "server auth": "1.3.6.1.5.5.7.3.1",
  "client auth": "1.3.6.1.5.5.7.3.2",
  "code signing": "1.3.6.1.5.5.7.3.3",
  "email protection": "1.3.6.1.5.5.7.3.4",
  "s/mime": "1.3.6.1.5.5.7.3.4",
  "ipsec end system": "1.3.6.1.5.5.7.3.5",
  "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
  "ipsec user": "1.3.6.1.5.5.7.3.7",
  timestamping: "1.3.6.1.5.5.7.3.8",
  "ocsp signing": "1.3.6.1.5.5.7.3.9",
  "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
  "netscape sgc": "2.16.840.1.113730.4.1",
};

const SUBJECT_ALTERNATIVE_NAMES = "2.5.29.17";

/** Signs certificate requests with the cluster's authority: subject, names and key are the request's, all else is not. */
export function requestSigner(
  ca: Pick<Pki, "caCert" | "caKey">,
): (signing: RequestSigning) => Promise<string> {
  const authority = new X509Certificate(ca.caCert);
  const privateKey = createPrivateKey(ca.caKey);
  const authorityEndMs = Date.parse(authority.validTo);
  return async ({ request: pem, usages, notBeforeMs, notAfterMs }) => {
    await import("reflect-metadata");
    const x509 = await import("@peculiar/x509");
    const crypto = webcrypto as Crypto;
    const request = new x509.Pkcs10CertificateRequest(certificateRequestBytes(pem));
    const flags = usages.reduce((all, usage) => all | (KEY_USAGES[usage] ?? 0), 0);
    const purposes = [...new Set(usages.flatMap((usage) => PURPOSES[usage] ?? []))];
    const names = request.extensions.filter(({ type }) => type === SUBJECT_ALTERNATIVE_NAMES);
    const issuerKey = await importKey(createPublicKey(privateKey));
    const extensions: Extension[] = [
      ...(flags === 0 ? [] : [new x509.KeyUsagesExtension(flags, true)]),
      ...(purposes.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(purposes)]),
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuerKey, false, crypto),
      ...names,
    ];
    const certificate = await x509.X509CertificateGenerator.create(
      {
        serialNumber: serialNumber(),
        subject: request.subjectName,
        issuer: new x509.X509Certificate(ca.caCert).subjectName,
        notBefore: new Date(notBeforeMs),
        notAfter: new Date(Math.min(notAfterMs, authorityEndMs)),
        publicKey: request.publicKey,
        signingKey: await importKey(privateKey),
        signingAlgorithm: SIGNATURE,
        extensions,
      },
      crypto,
    );
    return `${certificate.toString("pem")}\n`;
  };
}
