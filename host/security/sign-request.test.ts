import { createPrivateKey, X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { CertificateRequestError, parseCertificateRequest } from "../apimachinery/certificate-request.ts";
import { makeRequest } from "./certificate-request.test-support.ts";
import { ensurePki } from "./pki.ts";
import { requestSigner } from "./sign-request.ts";

const NOW = Date.UTC(2026, 0, 1);
const DAY = 24 * 3_600_000;
const pki = await ensurePki({ nowMs: NOW });
const sign = requestSigner(pki);

describe("a request is read", () => {
  test.each(["ec", "rsa", "ed25519"] as const)("with a key of %s", async (algorithm) => {
    const { request } = await makeRequest(
      {
        subject: "O=devs,O=ops,CN=jane",
        dns: ["a.b"],
        ip: ["10.0.0.1"],
        email: ["a@b"],
        uri: ["spiffe://x"],
      },
      algorithm,
    );
    expect(parseCertificateRequest(request)).toEqual({
      commonName: "jane",
      organizations: ["devs", "ops"],
      dnsNames: ["a.b"],
      ipAddresses: ["0a000001"],
      emailAddresses: ["a@b"],
      uris: ["spiffe://x"],
    });
  });

  test.each([
    ["", "PEM block type must be CERTIFICATE REQUEST"],
    [
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
      "PEM block type must be CERTIFICATE REQUEST",
    ],
    [
      "-----BEGIN CERTIFICATE REQUEST-----\n\n-----END CERTIFICATE REQUEST-----",
      "asn1: syntax error: data truncated",
    ],
  ])("%j is none", (text, wants) => {
    expect(() => parseCertificateRequest(text)).toThrow(new CertificateRequestError(wants));
  });

  test("cut off or changed anywhere it is refused, and nothing else happens", async () => {
    const { request } = await makeRequest({ subject: "CN=jane", dns: ["a.b"] });
    const der = Buffer.from(request.replace(/-----.*-----/g, ""), "base64");
    const read = (bytes: Buffer) =>
      parseCertificateRequest(
        `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString("base64")}\n-----END CERTIFICATE REQUEST-----`,
      );
    expect(read(der).commonName).toBe("jane");
    for (let length = 0; length < der.length; length++)
      expect(() => read(der.subarray(0, length)), `cut at ${length}`).toThrow(CertificateRequestError);
    for (let at = 0; at < der.length; at++) {
      const changed = Buffer.from(der);
      changed[at] = changed[at]! ^ 0x81;
      expect(() => read(changed), `changed at ${at}`).toThrow(CertificateRequestError);
    }
  });
});

describe("a certificate", () => {
  test("has the subject, the names and the key of its request, and the purposes it is for", async () => {
    const { request, key } = await makeRequest(
      { subject: "O=devs,CN=jane", dns: ["a.b"], ip: ["10.0.0.1"] },
      "rsa",
    );
    const usages = ["client auth", "digital signature", "key encipherment"];
    const pem = await sign({ request, usages, notBeforeMs: NOW, notAfterMs: NOW + DAY });
    const certificate = new X509Certificate(pem);
    expect(certificate.verify(new X509Certificate(pki.caCert).publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(certificate.subject).toBe("O=devs\nCN=jane");
    expect(certificate.issuer).toBe("CN=pintle-ca");
    expect(certificate.subjectAltName).toBe("DNS:a.b, IP Address:10.0.0.1");
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(certificate.ca).toBe(false);
    expect([Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]).toEqual([NOW, NOW + DAY]);
  });

  test("does not outlive its authority", async () => {
    const { request } = await makeRequest({ subject: "CN=jane" }, "ed25519");
    const pem = await sign({
      request,
      usages: ["client auth"],
      notBeforeMs: NOW,
      notAfterMs: NOW + 20_000 * DAY,
    });
    expect(new X509Certificate(pem).validTo).toBe(new X509Certificate(pki.caCert).validTo);
  });

  test.each([
    ["headers", "-----\nProc-Type: 4\n\n"],
    ["an indented line", "-----\n Proc-Type: 4\n"],
  ])("is for the request that was looked at, not for one before it with %s", async (_, head) => {
    const hidden = (await makeRequest({ subject: "O=system:masters,CN=root" })).request;
    const shown = (await makeRequest({ subject: "O=system:nodes,CN=system:node:a" })).request;
    const request = `${hidden.replace("-----\n", head)}\n${shown}`;
    expect(parseCertificateRequest(request).organizations).toEqual(["system:nodes"]);
    const pem = await sign({ request, usages: ["client auth"], notBeforeMs: NOW, notAfterMs: NOW + DAY });
    expect(new X509Certificate(pem).subject).toBe("O=system:nodes\nCN=system:node:a");
  });

  test("is not asked for in letters that others read otherwise", async () => {
    const { request } = await makeRequest({
      subject: [{ O: [{ universalString: "system:masters" }] }, { CN: ["jane"] }] as unknown as string,
    });
    expect(() => parseCertificateRequest(request)).toThrow(
      new CertificateRequestError("asn1: structure error: unsupported string"),
    );
  });
});
