import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { User } from "../api.ts";
import { CREDENTIAL_ID, withAuthenticated } from "./users.ts";

/** Where a subject may carry a uid (AllowParsingUserUIDFromCertAuth). */
const UID_OID = "1.3.6.1.4.1.57683.2";

/** The certificate a connection showed, as far as it is of interest here. */
export interface ShownCertificate {
  /** Whether one of the authorities the server knows signed it and it was in force when the connection began. */
  readonly isTrusted: boolean;
  readonly commonName: string;
  readonly notAfterMs: number;
  readonly user: User | undefined;
  readonly peer: DetailedPeerCertificate;
}

/** @returns undefined without a certificate */
export function shownCertificate(socket: TLSSocket): ShownCertificate | undefined {
  const peer = socket.getPeerCertificate?.(true);
  if (!peer || Object.keys(peer).length === 0) return undefined;
  const subject = peer.subject as Readonly<Record<string, string | string[] | undefined>>;
  const values = (field: string) => [subject[field] ?? []].flat();
  // The last one, as in Go: whoever looks at a certificate or a request for one must see the same name.
  const commonName = values("CN").at(-1) ?? "";
  const [uid] = values(UID_OID);
  const digest = peer.fingerprint256.replaceAll(":", "").toLowerCase();
  const user = withAuthenticated({
    name: commonName,
    ...(uid === undefined ? {} : { uid }),
    groups: values("O"),
    extra: { [CREDENTIAL_ID]: [`X509SHA256=${digest}`] },
  });
  return {
    isTrusted: socket.authorized,
    commonName,
    notAfterMs: Date.parse(peer.valid_to),
    // Without a common name it says nothing of who this is.
    user: commonName === "" ? undefined : user,
    peer,
  };
}

/** Whether a trusted certificate goes back to one of these authorities and not to another one the server knows. */
export function isIssuedBy(
  { peer, isTrusted }: ShownCertificate,
  authorities: readonly X509Certificate[],
): boolean {
  if (!isTrusted) return false;
  for (let one: DetailedPeerCertificate | undefined = peer; one?.raw; ) {
    const certificate = new X509Certificate(one.raw);
    const known = authorities.some(
      (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
    );
    if (known) return true;
    const issuer: DetailedPeerCertificate | undefined = one.issuerCertificate;
    one = issuer?.fingerprint256 === one.fingerprint256 ? undefined : issuer;
  }
  return false;
}

/** The certificates of a PEM bundle. */
export function parseAuthorities(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
