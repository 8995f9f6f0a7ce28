import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  isSigned,
  parseTokenKey,
  publicJwk,
  readClaims,
  signToken,
  type TokenKey,
  tokenKey,
} from "./json-web-token.ts";

const rsa = tokenKey(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
const curve = (namedCurve: string) => tokenKey(generateKeyPairSync("ec", { namedCurve }).privateKey);
const keys: Record<string, TokenKey> = {
  RS256: rsa,
  ES256: curve("prime256v1"),
  ES384: curve("secp384r1"),
  ES512: curve("secp521r1"),
};

describe.each(Object.entries(keys))("%s", (name, key) => {
  test("is what its key signs, and no other key has signed it", () => {
    const token = signToken({ sub: "a", n: 1 }, key);
    const header = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString());
    expect(header).toEqual({ alg: name, kid: key.id });
    expect(readClaims(token)).toEqual({ sub: "a", n: 1 });
    expect(isSigned(token, [key])).toBe(true);
    expect(
      isSigned(
        token,
        Object.values(keys).filter((one) => one !== key),
      ),
    ).toBe(false);
    expect(publicJwk(key)).toMatchObject({ use: "sig", alg: name, kid: key.id });
    expect(publicJwk(key)).not.toHaveProperty("d");
  });

  test("is known by the public half alone", () => {
    const pem = key.publicKey.export({ type: "spki", format: "pem" }).toString();
    const half = parseTokenKey(pem);
    expect([half.id, half.privateKey]).toEqual([key.id, undefined]);
    expect(isSigned(signToken({}, key), [half])).toBe(true);
    expect(() => signToken({}, half)).toThrow("a public key cannot sign");
  });
});

test.each(["", "a", "a.b", "a.b.c", "..", "e30.e30", "e30.W10.x", `e30.${"e".repeat(20_000)}.x`, "é.é.é"])(
  "%s is no token, and harms nobody",
  (text) => {
    expect(readClaims(text) ?? {}).toEqual({});
    expect(isSigned(text, [rsa])).toBe(false);
  },
);

test("a key that cannot sign tokens is refused", () => {
  expect(() => tokenKey(generateKeyPairSync("ed25519").privateKey)).toThrow(
    "a ed25519 key cannot sign tokens",
  );
});
