import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";
import {
  bitString,
  boolean,
  type Der,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  time,
  utf8String,
} from "./der.ts";

/**
 * X.509 version 3 certificates, signed with ECDSA P-256 and SHA-256. Written here rather than with a library because
 * the three shapes we issue are this one page, while @peculiar/x509 costs start-up time, memory and a metadata
 * polyfill in every cluster. Layout: RFC 5280 4.1.
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
  /** DNS names and IPv4 addresses the server answers to. */
  readonly hosts?: readonly string[];
}

export interface Issuer {
  readonly subject: Subject;
  readonly privateKey: KeyObject;
}

const OID = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAlternativeName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

const SIGNATURE_ALGORITHM = sequence(objectIdentifier(OID.ecdsaWithSha256));
const VERSION_3 = explicit(0, integer(Buffer.of(2)));

/**
 * @param issuer  for a CA that signs itself: its own subject and key
 * @returns the certificate as PEM
 */
export function issueCertificate(request: CertificateRequest, issuer: Issuer): string {
  const body = sequence(
    VERSION_3,
    integer(serialNumber()),
    SIGNATURE_ALGORITHM,
    name(issuer.subject),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    name(request.subject),
    publicKeyInfo(request.publicKey),
    explicit(3, sequence(...extensions(request, issuer))),
  );
  const signature = sign("sha256", body, issuer.privateKey);
  return pem(sequence(body, SIGNATURE_ALGORITHM, bitString(signature)));
}

/** 127 random bits, never zero and never negative: enough that two certificates of one CA never share a number. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes;
}

function name(subject: Subject): Der {
  const attribute = (oid: string, value: string) => setOf(sequence(objectIdentifier(oid), utf8String(value)));
  return sequence(
    ...(subject.organizations ?? []).map((organization) => attribute(OID.organization, organization)),
    attribute(OID.commonName, subject.commonName),
  );
}

function publicKeyInfo(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}

function extensions(request: CertificateRequest, issuer: Issuer): Der[] {
  const isCa = request.usage === "ca";
  const list = [
    extension(OID.keyUsage, keyUsage(isCa), "critical"),
    extension(OID.basicConstraints, sequence(...(isCa ? [boolean(true)] : [])), "critical"),
    extension(OID.subjectKeyIdentifier, octetString(keyIdentifier(request.publicKey))),
    extension(
      OID.authorityKeyIdentifier,
      sequence(implicit(0, keyIdentifier(createPublicKey(issuer.privateKey)))),
    ),
  ];
  if (!isCa) {
    const purpose = request.usage === "server" ? OID.serverAuth : OID.clientAuth;
    list.push(extension(OID.extendedKeyUsage, sequence(objectIdentifier(purpose))));
  }
  if (request.hosts !== undefined && request.hosts.length > 0)
    list.push(extension(OID.subjectAlternativeName, sequence(...request.hosts.map(generalName))));
  return list;
}

function extension(oid: string, value: Der, critical?: "critical"): Der {
  const flag = critical === undefined ? [] : [boolean(true)];
  return sequence(objectIdentifier(oid), ...flag, octetString(value));
}

/** Bit 0 digitalSignature, 5 keyCertSign, 6 cRLSign, counted from the high end. */
function keyUsage(isCa: boolean): Der {
  return isCa ? bitString(Buffer.of(0b1000_0110), 1) : bitString(Buffer.of(0b1000_0000), 7);
}

/** RFC 7093 2: the first 160 bits of the key's SHA-256. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash("sha256").update(publicKeyInfo(key)).digest().subarray(0, 20);
}

function generalName(host: string): Der {
  return isIPv4(host)
    ? implicit(7, Buffer.from(host.split(".").map(Number)))
    : implicit(2, Buffer.from(host, "ascii"));
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
