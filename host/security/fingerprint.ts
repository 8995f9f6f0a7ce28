import { createHash, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Pki } from "./pki.ts";

/**
 * Tells clusters apart by their keys: the SHA-256 of the authority's and the service accounts' public keys. A renewed
 * certificate of the same key has the same one. It says nothing about the secrets.
 */
export function authorityFingerprint({ caCert, serviceAccountKey }: Pki): string {
  const hash = createHash("sha256");
  const add = (key: KeyObject) => hash.update(key.export({ format: "der", type: "spki" }));
  add(new X509Certificate(caCert).publicKey);
  // A cluster without a directory makes that key when it is needed; nobody can share its authority either.
  if (serviceAccountKey !== undefined) add(createPublicKey(serviceAccountKey));
  return `sha256:${hash.digest("hex")}`;
}
