import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from "node:crypto";
import { chmodSync, mkdirSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Issuer, issueCertificate, type Subject, type Usage } from "./certificate.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

/**
 * The cluster's own certificate authority and what it signs. Made at first start, reused after, renewed when less than
 * RENEW_BEFORE_MS is left. Keys come from node:crypto, never from the seeded source of chance.
 *
 *   ca.key ──signs──> ca.crt          the root that clients and pods trust
 *          ├─signs──> apiserver.crt   serves 127.0.0.1, localhost, kubernetes.default.svc, …
 *          ├─signs──> admin.crt       CN kubernetes-admin, O system:masters: the kubeconfig's user
 *          └─signs──> apiserver-kubelet-client.crt    shown to kubelets
 *   front-proxy-ca.key ──signs──> front-proxy-client.crt   shown to the servers behind APIServices
 *   sa.key                            signs service account tokens (RS256)
 *   sa.previous.key                   signed them before; still accepted
 */
export interface Pki {
  readonly caCert: string;
  readonly caKey: string;
  readonly serving: KeyAndCertificate;
  readonly admin: KeyAndCertificate;
  /** Shown to kubelets. */
  readonly kubeletClient: KeyAndCertificate;
  readonly frontProxy: KeyAndCertificate & { readonly caCert: string };
  /** Absent without a directory: the server then makes one when it signs its first token. */
  readonly serviceAccountKey?: string;
  /** Keys whose tokens are still accepted. */
  readonly previousServiceAccountKeys: readonly string[];
}

/** Both PEM. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

export interface PkiOptions {
  /** Where the files live; absent: nothing is written, and all is new each time. */
  readonly directory?: string;
  /** Real time, also when the cluster runs on a virtual clock: TLS peers judge validity by their own clocks. */
  readonly nowMs: number;
  /**
   * More DNS names or IPv4 addresses for the serving certificate. With some, it lies under the first one's name, so that
   * API servers of several addresses may share the directory.
   */
  readonly hosts?: readonly string[];
}

/** A file of the directory that cannot be used. The message names it and says what to do. */
export class PkiError extends Error {
  override readonly name = "PkiError";
}

/** What a kube-apiserver of a one-node cluster answers to, as kubeadm lists it. 10.96.0.1 is Service default/kubernetes. */
const SERVING_HOSTS = [
  "localhost",
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
  "127.0.0.1",
  "10.96.0.1",
];

const DAY_MS = 24 * 60 * 60 * 1000;
const CA_DAYS = 3650;
const LEAF_DAYS = 365;
const RENEW_BEFORE_MS = 30 * DAY_MS;
/** Peers whose clocks are a little behind still accept a new certificate. */
const BACKDATE_MS = 60 * 60 * 1000;

const CA_SUBJECT: Subject = { commonName: "pintle-ca" };
const SERVING_SUBJECT: Subject = { commonName: "kube-apiserver" };
const PROXY_CA_SUBJECT: Subject = { commonName: "front-proxy-ca" };
/** As kubeadm names it. */
export const PROXY_CLIENT_NAME = "front-proxy-client";
/** As kubeadm names it. */
const KUBELET_CLIENT_SUBJECT: Subject = {
  commonName: "kube-apiserver-kubelet-client",
  organizations: ["system:masters"],
};
const ADMIN_SUBJECT: Subject = { commonName: "kubernetes-admin", organizations: ["system:masters"] };

/**
 * Reads the authority and its certificates from `directory`, making what is missing.
 *
 * Throws PkiError when a file there is corrupt; nothing is overwritten then.
 */
export async function ensurePki(options: PkiOptions): Promise<Pki> {
  const shelf = options.directory === undefined ? memoryShelf() : folderShelf(options.directory);
  // Finding two primes takes a while and a thread of its own; meanwhile the certificates are made.
  const serviceAccountKeys =
    options.directory === undefined
      ? Promise.resolve({ previousServiceAccountKeys: [] })
      : ensureServiceAccountKeys(shelf);
  // Awaited below; until then a failure must not count as unheard.
  serviceAccountKeys.catch(() => {});
  const ca = await ensureAuthority(shelf, "ca", CA_SUBJECT, options.nowMs);
  const proxyCa = await ensureAuthority(shelf, "front-proxy-ca", PROXY_CA_SUBJECT, options.nowMs);
  const proxyClient: LeafShape = { subject: { commonName: PROXY_CLIENT_NAME }, usage: "client" };
  const hosts = [...SERVING_HOSTS, ...(options.hosts ?? [])];
  return {
    caCert: ca.cert,
    caKey: ca.key,
    serving: await ensureLeaf(
      shelf,
      options.hosts?.[0] === undefined ? "apiserver" : `apiserver-${options.hosts[0]}`,
      { subject: SERVING_SUBJECT, usage: "server", hosts },
      ca,
      options.nowMs,
    ),
    admin: await ensureLeaf(shelf, "admin", { subject: ADMIN_SUBJECT, usage: "client" }, ca, options.nowMs),
    kubeletClient: await ensureLeaf(
      shelf,
      "apiserver-kubelet-client",
      { subject: KUBELET_CLIENT_SUBJECT, usage: "client" },
      ca,
      options.nowMs,
    ),
    frontProxy: {
      caCert: proxyCa.cert,
      ...(await ensureLeaf(shelf, "front-proxy-client", proxyClient, proxyCa, options.nowMs)),
    },
    ...(await serviceAccountKeys),
  };
}

/** Where PEM texts stand: a folder, or nowhere. */
interface Shelf {
  /** For messages. */
  where(name: string): string;
  read(name: string): string | undefined;
  write(name: string, text: string): void;
}

function memoryShelf(): Shelf {
  return { where: (name) => name, read: () => undefined, write: () => {} };
}

function folderShelf(directory: string): Shelf {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const where = (name: string) => join(directory, name);
  return {
    where,
    read: (name) => readPrivateFile(where(name)),
    write: (name, text) => writePrivateFile(where(name), text),
  };
}

interface Authority extends KeyAndCertificate {
  readonly issuer: Issuer;
  readonly parsed: X509Certificate;
}

/** A key without certificate is a first start that was interrupted; a certificate without its key cannot be continued. */
async function ensureAuthority(
  shelf: Shelf,
  name: string,
  subject: Subject,
  nowMs: number,
): Promise<Authority> {
  const [crt, keyFile] = [`${name}.crt`, `${name}.key`];
  const stored = readCertificate(shelf, crt);
  if (stored !== undefined && shelf.read(keyFile) === undefined)
    throw new PkiError(
      `${shelf.where(keyFile)} is missing, but ${shelf.where(crt)} is there; restore it, or delete both`,
    );
  const key = ensureKey(shelf, keyFile);
  if (stored !== undefined && !stored.parsed.checkPrivateKey(key.object))
    throw new PkiError(
      `${shelf.where(crt)} does not belong to ${shelf.where(keyFile)}; restore them, or delete both`,
    );
  const issuer = { subject, privateKey: key.object };
  const fresh = stored !== undefined && isFresh(stored.parsed, nowMs);
  const cert = fresh ? stored.pem : await issue(shelf, crt, { subject, usage: "ca" }, key, issuer, nowMs);
  return { key: key.pem, cert, issuer, parsed: fresh ? stored.parsed : new X509Certificate(cert) };
}

interface LeafShape {
  readonly subject: Subject;
  readonly usage: Usage;
  readonly hosts?: readonly string[];
}

/** A leaf that this authority did not sign, that lacks a name or that runs out is made anew: nobody keeps it but us. */
async function ensureLeaf(
  shelf: Shelf,
  name: string,
  shape: LeafShape,
  ca: Authority,
  nowMs: number,
): Promise<KeyAndCertificate> {
  const stored = readCertificate(shelf, `${name}.crt`);
  const key = ensureKey(shelf, `${name}.key`);
  const usable =
    stored?.parsed.checkPrivateKey(key.object) === true &&
    stored.parsed.verify(ca.parsed.publicKey) &&
    isFresh(stored.parsed, nowMs) &&
    (shape.hosts ?? []).every((host) => answersTo(stored.parsed, host));
  return {
    key: key.pem,
    cert: usable ? stored.pem : await issue(shelf, `${name}.crt`, shape, key, ca.issuer, nowMs),
  };
}

async function issue(
  shelf: Shelf,
  name: string,
  shape: LeafShape,
  key: Key,
  issuer: Issuer,
  nowMs: number,
): Promise<string> {
  const days = shape.usage === "ca" ? CA_DAYS : LEAF_DAYS;
  const cert = await issueCertificate(
    {
      ...shape,
      publicKey: createPublicKey(key.object),
      notBeforeMs: nowMs - BACKDATE_MS,
      notAfterMs: nowMs + days * DAY_MS,
    },
    issuer,
  );
  shelf.write(name, cert);
  return cert;
}

/** Whether a client that dials `host`, a DNS name or an address, accepts the certificate. */
export function answersTo(certificate: X509Certificate, host: string): boolean {
  const found = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
  return found !== undefined;
}

/** In force, and for a while yet. */
function isFresh(certificate: X509Certificate, nowMs: number): boolean {
  return (
    Date.parse(certificate.validFrom) <= nowMs && Date.parse(certificate.validTo) - nowMs > RENEW_BEFORE_MS
  );
}

interface Key {
  readonly pem: string;
  readonly object: KeyObject;
}

function ensureKey(shelf: Shelf, name: string): Key {
  const stored = shelf.read(name);
  if (stored !== undefined)
    return { pem: stored, object: parsed(shelf, name, "private key", () => createPrivateKey(stored)) };
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  shelf.write(name, pem);
  return { pem, object: privateKey };
}

const PREVIOUS = "sa.previous.key";
const RSA_BITS = 2048;

/**
 * Kubernetes signs tokens with RSA, and so do we since 0.2. An earlier cluster has a P-256 key: that one is put aside
 * first, and accepted for ever after.
 */
async function ensureServiceAccountKeys(
  shelf: Shelf,
): Promise<Pick<Pki, "serviceAccountKey" | "previousServiceAccountKeys">> {
  const read = (name: string) => {
    const pem = shelf.read(name);
    return pem === undefined
      ? undefined
      : { pem, object: parsed(shelf, name, "private key", () => createPrivateKey(pem)) };
  };
  const stored = read("sa.key");
  let previous = read(PREVIOUS)?.pem;
  let current = stored?.pem;
  if (stored?.object.asymmetricKeyType !== "rsa") {
    if (stored !== undefined) {
      shelf.write(PREVIOUS, stored.pem);
      previous = stored.pem;
    }
    const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: RSA_BITS });
    current = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    shelf.write("sa.key", current);
  }
  return {
    serviceAccountKey: current!,
    previousServiceAccountKeys: previous === undefined ? [] : [previous],
  };
}

function readCertificate(shelf: Shelf, name: string): { pem: string; parsed: X509Certificate } | undefined {
  const pem = shelf.read(name);
  if (pem === undefined) return undefined;
  return { pem, parsed: parsed(shelf, name, "certificate", () => new X509Certificate(pem)) };
}

function parsed<T>(shelf: Shelf, name: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new PkiError(
      `${shelf.where(name)} is corrupt: not a PEM ${what}; restore it, or delete it to have a new one made`,
    );
  }
}

/**
 * What a client of a running cluster needs, from the files of its authority; undefined when there are none.
 */
export function readAdmin(directory: string): { caCert: string; cert: string; key: string } | undefined {
  const [caCert, cert, key] = ["ca.crt", "admin.crt", "admin.key"].map((name) =>
    readPrivateFile(join(directory, name)),
  );
  return caCert === undefined || cert === undefined || key === undefined ? undefined : { caCert, cert, key };
}
