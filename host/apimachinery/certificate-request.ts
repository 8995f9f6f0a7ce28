import { createPublicKey, verify } from "node:crypto";
import { childrenOf, type DerElement, DerError, expectTag, readDer, readOid, TAG } from "./der.ts";

/** What a PKCS#10 request asks to have certified. */
export interface CertificateRequestFacts {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
}

/** What is wrong with a request, in Go's words where they are known. */
export class CertificateRequestError extends Error {
  override readonly name = "CertificateRequestError";
}

const OID = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  extensions: "1.2.840.113549.1.9.14",
  hosts: "2.5.29.17",
};

/** Signature algorithm -> digest; null: the algorithm has its own. */
const DIGESTS: Readonly<Record<string, string | null>> = {
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.3.101.112": null,
};

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\s]*?)-----END \1-----/;

/**
 * The request in a PEM text, as DER. Of several blocks, and among what is none to some readers, all of us must read the
 * same one: what is signed is what was looked at. Throws CertificateRequestError.
 */
export function certificateRequestBytes(pem: string): Buffer<ArrayBuffer> {
  const block = PEM.exec(pem);
  if (block?.[1] !== "CERTIFICATE REQUEST")
    throw new CertificateRequestError("PEM block type must be CERTIFICATE REQUEST");
  return Buffer.from(block[2]!, "base64");
}

/**
 * Reads a PEM request and checks that whoever asks holds the key.
 *
 * Throws CertificateRequestError.
 */
export function parseCertificateRequest(pem: string): CertificateRequestFacts {
  const bytes = certificateRequestBytes(pem);
  try {
    const [info, algorithm, signature] = childrenOf(expectTag(readDer(bytes), TAG.sequence));
    const [, subject, publicKey, attributes] = childrenOf(expectTag(info, TAG.sequence));
    requireSignature(info!, publicKey, algorithm, signature);
    const names = readNames(expectTag(subject, TAG.sequence));
    return {
      commonName: names.get(OID.commonName)?.at(-1) ?? "",
      organizations: names.get(OID.organization) ?? [],
      ...readHosts(attributes),
    };
  } catch (error) {
    if (error instanceof DerError) throw new CertificateRequestError(error.message);
    throw error;
  }
}

function requireSignature(
  info: DerElement,
  publicKey: DerElement | undefined,
  algorithm: DerElement | undefined,
  signature: DerElement | undefined,
): void {
  const oid = readOid(childrenOf(expectTag(algorithm, TAG.sequence))[0]);
  if (!Object.hasOwn(DIGESTS, oid))
    throw new CertificateRequestError("x509: cannot verify signature: algorithm unimplemented");
  const bits = expectTag(signature, TAG.bitString).content;
  // The first byte counts the bits that the last one does not use.
  if (bits[0] !== 0) throw new DerError("asn1: syntax error: invalid padding bits in BIT STRING");
  const bytes = bits.subarray(1);
  const spki = expectTag(publicKey, TAG.sequence).whole;
  let isGood = false;
  try {
    const key = createPublicKey({ key: spki, format: "der", type: "spki" });
    isGood = verify(DIGESTS[oid], info.whole, key, bytes);
  } catch (error) {
    throw new CertificateRequestError(`x509: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isGood) throw new CertificateRequestError("x509: signature verification failure");
}

/** A distinguished name: attribute -> its values, in order. */
function readNames(name: DerElement): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const set of childrenOf(name)) {
    for (const pair of childrenOf(expectTag(set, TAG.set))) {
      const [type, value] = childrenOf(expectTag(pair, TAG.sequence));
      const oid = readOid(type);
      values.set(oid, [...(values.get(oid) ?? []), readText(value)]);
    }
  }
  return values;
}

const BMP_STRING = 0x1e;
/** UTF8String, NumericString, PrintableString, T61String and IA5String. */
const BYTE_STRINGS = new Set([0x0c, 0x12, 0x13, 0x14, 0x16]);

/** What reads otherwise to whoever gets the certificate is refused: a group could be hidden in it. */
function readText(element: DerElement | undefined): string {
  if (element === undefined) throw new DerError("asn1: structure error: value is missing");
  if (BYTE_STRINGS.has(element.tag)) return element.content.toString("utf8");
  if (element.tag !== BMP_STRING || element.content.length % 2 !== 0)
    throw new DerError("asn1: structure error: unsupported string");
  return Buffer.from(element.content).swap16().toString("utf16le");
}

type Hosts = Pick<CertificateRequestFacts, "dnsNames" | "emailAddresses" | "ipAddresses" | "uris">;

const KIND_OF_NAME: Readonly<Record<number, keyof Hosts>> = {
  129: "emailAddresses",
  130: "dnsNames",
  134: "uris",
  135: "ipAddresses",
};

/** The subject's alternative names, out of the extensions that are asked for. */
function readHosts(attributes: DerElement | undefined): Hosts {
  const hosts: Record<keyof Hosts, string[]> = {
    dnsNames: [],
    emailAddresses: [],
    ipAddresses: [],
    uris: [],
  };
  for (const attribute of attributes === undefined ? [] : childrenOf(attributes)) {
    const [type, values] = childrenOf(expectTag(attribute, TAG.sequence));
    if (readOid(type) !== OID.extensions) continue;
    for (const extensions of childrenOf(expectTag(values, TAG.set))) {
      for (const extension of childrenOf(expectTag(extensions, TAG.sequence))) {
        const parts = childrenOf(expectTag(extension, TAG.sequence));
        if (readOid(parts[0]) !== OID.hosts) continue;
        const inner = readDer(expectTag(parts.at(-1), TAG.octetString).content);
        for (const { tag, content } of childrenOf(expectTag(inner, TAG.sequence))) {
          const kind = KIND_OF_NAME[tag];
          if (kind !== undefined)
            hosts[kind].push(kind === "ipAddresses" ? content.toString("hex") : content.toString());
        }
      }
    }
  }
  return hosts;
}
