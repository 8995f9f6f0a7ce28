import { expect, test } from "vitest";
import { authorityFingerprint } from "./fingerprint.ts";
import { ensurePki } from "./pki.ts";

test("a cluster is told by its authority's key and its service account key, whatever their certificates", async () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const [made, other] = [await ensurePki({ nowMs }), await ensurePki({ nowMs, hosts: ["10.0.0.1"] })];
  const one = { ...made, serviceAccountKey: made.admin.key };
  const print = authorityFingerprint(one);
  expect(print).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(authorityFingerprint({ ...one, serving: other.serving, admin: other.admin })).toBe(print);
  expect(authorityFingerprint({ ...one, caCert: other.caCert })).not.toBe(print);
  expect(authorityFingerprint({ ...one, serviceAccountKey: other.admin.key })).not.toBe(print);
});
