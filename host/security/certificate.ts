import { createPublicKey, type KeyObject, randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import type { Extension } from "@peculiar/x509";

/**
 * X.509 version 3 certificates, signed with ECDSA P-256 and SHA-256, made by @peculiar/x509. The library is loaded only
 * when a certificate must be made, so an ordinary start, which finds its certificates on disk, does not pay for it.
 */
export interface Subject {
  readonly commonName: string;
  /** Kubernetes reads these as the user's groups (api-wire 23). */
  readonly organizations?: readonly string[];
}

export type Usage = "ca" | "server" | "client";

export interface CertificateRequest {
  readonly subject: Subject;
  readonly usage: Usage;
  readonly publicKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** DNS names and IP addresses the server answers to. */
  readonly hosts?: readonly string[];
}

export interface Issuer {
  readonly subject: Subject;
  readonly privateKey: KeyObject;
}

/** How the cluster's authority signs. */
export const SIGNATURE = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/**
 * @param issuer  for a CA that signs itself: its own subject and key
 * @returns the certificate as PEM
 */
export async function issueCertificate(request: CertificateRequest, issuer: Issuer): Promise<string> {
  // The library's dependency injection wants this polyfill to be there first.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const isCa = request.usage === "ca";
  const publicKey = await importKey(request.publicKey);
  const issuerPublicKey = await importKey(createPublicKey(issuer.privateKey));
  const extensions: Extension[] = [
    new x509.KeyUsagesExtension(
      isCa
        ? x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign
        : x509.KeyUsageFlags.digitalSignature,
      true,
    ),
    new x509.BasicConstraintsExtension(isCa, undefined, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto as Crypto),
    await x509.AuthorityKeyIdentifierExtension.create(issuerPublicKey, false, webcrypto as Crypto),
  ];
  if (!isCa) {
    const purpose = request.usage === "server" ? "serverAuth" : "clientAuth";
    extensions.push(new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[purpose]]));
  }
  if (request.hosts !== undefined && request.hosts.length > 0)
    extensions.push(
      new x509.SubjectAlternativeNameExtension(
        request.hosts.map((value) => ({
          type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const),
          value,
        })),
      ),
    );
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: distinguishedName(request.subject),
      issuer: distinguishedName(issuer.subject),
      notBefore: new Date(request.notBeforeMs),
      notAfter: new Date(request.notAfterMs),
      publicKey,
      signingKey: await importKey(issuer.privateKey),
      signingAlgorithm: SIGNATURE,
      extensions,
    },
    webcrypto as Crypto,
  );
  return `${certificate.toString("pem")}\n`;
}

/** The same key for Web Crypto, which the library works with. */
export async function importKey(key: KeyObject): Promise<CryptoKey> {
  const isPrivate = key.type === "private";
  const der = isPrivate
    ? key.export({ format: "der", type: "pkcs8" })
    : key.export({ format: "der", type: "spki" });
  const imported = await webcrypto.subtle.importKey(isPrivate ? "pkcs8" : "spki", der, SIGNATURE, true, [
    isPrivate ? "sign" : "verify",
  ]);
  return imported as CryptoKey;
}

/** 127 random bits, never zero and never negative: enough that two certificates of one CA never share a number. */
export function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString("hex");
}

function distinguishedName(subject: Subject): { [key: string]: string[] }[] {
  return [
    ...(subject.organizations ?? []).map((organization) => ({ O: [organization] })),
    { CN: [subject.commonName] },
  ];
}
