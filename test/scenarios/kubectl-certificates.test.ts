import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeRequest } from "../../host/security/certificate-request.test-support.ts";
import { kubectlCluster } from "./kubectl-cluster.ts";
import { eventually } from "./pintle-process.ts";
import { hasKubectl } from "./requirements.ts";

/** Gives a person a certificate as Kubernetes' documentation describes it: request, approval, role, kubeconfig. */
describe.skipIf(!hasKubectl())("kubectl certificate", () => {
  const { folder, kubectl, ok } = kubectlCluster("--nodes", "1");

  async function ask(name: string, subject: string): Promise<string> {
    const { request, key } = await makeRequest({ subject });
    const spec = {
      request: Buffer.from(request).toString("base64"),
      signerName: "kubernetes.io/kube-apiserver-client",
      expirationSeconds: 86_400,
      usages: ["client auth"],
    };
    const object = {
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: { name },
      spec,
    };
    expect(await ok("apply -f -", JSON.stringify(object))).toBe(
      `certificatesigningrequest.certificates.k8s.io/${name} created\n`,
    );
    return key;
  }

  test("a request that is approved is a user who can log in, and do what their role allows", async () => {
    const key = await ask("jane", "CN=jane,O=developers");
    expect(await ok("get csr jane")).toMatch(
      /^jane\s+\S+\s+kubernetes\.io\/kube-apiserver-client\s+kubernetes-admin\s+24h\s+Pending$/m,
    );
    expect(await ok("certificate approve jane")).toBe(
      "certificatesigningrequest.certificates.k8s.io/jane approved\n",
    );
    const certificate = await eventually(
      () => ok("get csr jane -o jsonpath={.status.certificate}"),
      (text) => text !== "",
    );
    expect(await ok("get csr jane")).toMatch(/\sApproved,Issued$/m);
    const [keyFile, certFile] = [join(folder, "jane.key"), join(folder, "jane.crt")];
    writeFileSync(keyFile, key);
    writeFileSync(certFile, Buffer.from(certificate, "base64"));
    await ok(
      `config set-credentials jane --client-key=${keyFile} --client-certificate=${certFile} --embed-certs`,
    );
    expect(
      await ok("--user jane auth whoami -o jsonpath={.status.userInfo.username}/{.status.userInfo.groups}"),
    ).toBe('jane/["developers","system:authenticated"]');
    const refused = await kubectl("--user jane get pods");
    expect(refused.stderr).toContain(
      'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    );
    await ok("create role readers --verb=get,list --resource=pods");
    await ok("create rolebinding developers-read --role=readers --group=developers");
    await eventually(
      () => kubectl("--user jane get pods"),
      ({ code, stderr }) => code === 0 && stderr.includes("No resources found in default namespace."),
    );
    expect((await kubectl("--user jane auth can-i delete pods")).stdout).toBe("no\n");
    expect((await kubectl("--user jane certificate approve jane")).code).toBe(1);
  });

  test("one that is denied stays without a certificate", async () => {
    await ask("mallory", "CN=mallory");
    expect(await ok("certificate deny mallory")).toBe(
      "certificatesigningrequest.certificates.k8s.io/mallory denied\n",
    );
    expect(await ok("get csr mallory")).toMatch(/\sDenied$/m);
    const again = await kubectl("certificate approve mallory");
    expect([again.code, again.stderr]).toEqual([
      1,
      expect.stringContaining('certificate signing request "mallory" is already Denied'),
    ]);
    const { request } = await makeRequest({ subject: "CN=root,O=system:masters" });
    const spec = {
      request: Buffer.from(request).toString("base64"),
      signerName: "kubernetes.io/kube-apiserver-client",
      usages: ["client auth"],
    };
    const object = {
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: { name: "root" },
      spec,
    };
    const masters = await kubectl("create -f -", { input: JSON.stringify(object) });
    expect(masters.stderr).toContain("signer with system:masters group is not allowed");
  });
});
