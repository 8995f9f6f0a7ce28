import { expect, test } from "vitest";
import { makeRequest } from "../../security/certificate-request.test-support.ts";
import { ensurePki } from "../../security/pki.ts";
import { requestSigner } from "../../security/sign-request.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { askHttp2, startServer } from "../server-fixture.ts";

test("of several common names the last one counts, as in Go and in what approves requests", async () => {
  const now = Date.now();
  const pki = await ensurePki({ nowMs: now });
  const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
  const server = await startServer(createMemoryStore(), tls);
  try {
    const { request, key } = await makeRequest({
      subject: "CN=system:kube-controller-manager,O=system:nodes,CN=system:node:a",
    });
    const cert = await requestSigner(pki)({
      request,
      usages: ["client auth"],
      notBeforeMs: now - 60_000,
      notAfterMs: now + 3_600_000,
    });
    const answer = await askHttp2(
      server,
      pki.caCert,
      {
        method: "POST",
        path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }),
      },
      { cert, key },
    );
    expect(answer.json()).toMatchObject({ status: { userInfo: { username: "system:node:a" } } });
  } finally {
    await server.stop();
  }
});
