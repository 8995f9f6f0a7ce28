import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";

/**
 * Signed tokens in the compact form of RFC 7519, with the one algorithm that a key allows: RS256 for RSA, ES256, ES384
 * or ES512 for the curves. What a token's own header says of its algorithm only has to agree.
 */
export type Claims = Readonly<Record<string, unknown>>;

/** Longer tokens are not looked at; those of service accounts have about 1,100 bytes. */
const MAX_TOKEN_BYTES = 16_384;

interface Algorithm {
  readonly name: string;
  readonly hash: "sha256" | "sha384" | "sha512";
}

const CURVES: Readonly<Record<string, Algorithm>> = {
  prime256v1: { name: "ES256", hash: "sha256" },
  secp384r1: { name: "ES384", hash: "sha384" },
  secp521r1: { name: "ES512", hash: "sha512" },
};

/** A key that tokens are signed or verified with; a private one does both. */
export interface TokenKey {
  readonly privateKey?: KeyObject;
  readonly publicKey: KeyObject;
  /** As Kubernetes names keys: base64url of the SHA-256 of the public key's DER. */
  readonly id: string;
  readonly algorithm: Algorithm;
}

/** @param pem  a private or a public key. Throws when it is neither, or of a kind that cannot sign tokens. */
export function parseTokenKey(pem: string): TokenKey {
  const isPrivate = pem.includes("PRIVATE KEY-----");
  return tokenKey(isPrivate ? createPrivateKey(pem) : createPublicKey(pem));
}

export function tokenKey(key: KeyObject): TokenKey {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const der = publicKey.export({ type: "spki", format: "der" });
  return {
    ...(key.type === "private" ? { privateKey: key } : {}),
    publicKey,
    id: createHash("sha256").update(der).digest("base64url"),
    algorithm: algorithmOf(publicKey),
  };
}

function algorithmOf(key: KeyObject): Algorithm {
  if (key.asymmetricKeyType === "rsa") return { name: "RS256", hash: "sha256" };
  const curve = key.asymmetricKeyDetails?.namedCurve ?? "";
  const found = key.asymmetricKeyType === "ec" ? CURVES[curve] : undefined;
  if (found === undefined) throw new Error(`a ${key.asymmetricKeyType} key cannot sign tokens`);
  return found;
}

export function signToken(claims: Claims, key: TokenKey): string {
  const { privateKey, algorithm, id } = key;
  if (privateKey === undefined) throw new Error("a public key cannot sign");
  const text = `${encode({ alg: algorithm.name, kid: id })}.${encode(claims)}`;
  const signature = sign(algorithm.hash, Buffer.from(text), {
    key: privateKey,
    dsaEncoding: "ieee-p1363",
  });
  return `${text}.${signature.toString("base64url")}`;
}

/** What a token says, before anything is proved; undefined: it is no such token. */
export function readClaims(token: string): Claims | undefined {
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) return undefined;
  const parts = token.split(".");
  return parts.length === 3 ? decode(parts[1]!) : undefined;
}

/** Whether one of the keys signed the token. */
export function isSigned(token: string, keys: readonly TokenKey[]): boolean {
  const [head = "", body = "", signature = ""] = token.split(".");
  const header = decode(head);
  if (header === undefined) return false;
  const { alg, kid } = header;
  return keys.some(
    (key) =>
      alg === key.algorithm.name &&
      (kid === undefined || kid === key.id) &&
      verify(
        key.algorithm.hash,
        Buffer.from(`${head}.${body}`),
        { key: key.publicKey, dsaEncoding: "ieee-p1363" },
        Buffer.from(signature, "base64url"),
      ),
  );
}

/** The public half, as a member of a JSON Web Key Set. */
export function publicJwk({ publicKey, id, algorithm }: TokenKey): JsonWebKey {
  const { kty, ...rest } = publicKey.export({ format: "jwk" });
  return { use: "sig", kty, kid: id, alg: algorithm.name, ...rest };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(part: string): Claims | undefined {
  if (!/^[\w-]+$/.test(part)) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Claims)
      : undefined;
  } catch {
    return undefined;
  }
}
