import { webcrypto } from "node:crypto";

export interface RequestedNames {
  /** `CN=jane,O=devs` */
  readonly subject: string;
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly email?: readonly string[];
  readonly uri?: readonly string[];
}

const ALGORITHMS = {
  ec: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  rsa: {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: "SHA-256",
  },
  ed25519: { name: "Ed25519" },
} as const;

/** A certificate request as a client makes it, and its private key, both PEM. */
export async function makeRequest(
  { subject, ...hosts }: RequestedNames,
  algorithm: keyof typeof ALGORITHMS = "ec",
): Promise<{ request: string; key: string }> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const crypto = webcrypto as Crypto;
  const keys = (await crypto.subtle.generateKey(ALGORITHMS[algorithm], true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const names = (["dns", "ip", "email"] as const).flatMap((type) =>
    (hosts[type] ?? []).map((value) => ({ type, value })),
  );
  const uris = (hosts.uri ?? []).map((value) => ({ type: "url" as const, value }));
  const all = [...names, ...uris];
  const made = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: subject,
      keys,
      signingAlgorithm: ALGORITHMS[algorithm],
      extensions: all.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(all)],
    },
    crypto,
  );
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString("base64")}\n-----END PRIVATE KEY-----\n`;
  return { request: made.toString("pem"), key };
}
