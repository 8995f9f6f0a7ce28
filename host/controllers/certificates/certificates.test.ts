import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { V1CertificateSigningRequest } from "../../api/generated/types.ts";
import { CertificateSigningRequest, ClusterRole, ClusterRoleBinding } from "../../api/registry.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import { type ApiCore, createApiCore } from "../../apiserver/core.ts";
import type { Client } from "../../client/client.ts";
import { makeRequest, type RequestedNames } from "../../security/certificate-request.test-support.ts";
import { ensurePki } from "../../security/pki.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { type Controllers, startControllers } from "../index.ts";
import type { Signing } from "./signer.ts";
import { validity } from "./signer.ts";

let clock: VirtualClock;
let core: ApiCore;
let admin: Client;
let controllers: Controllers;
const signed: Signing[] = [];
const { caCert } = await ensurePki({ nowMs: Date.UTC(2026, 0, 1) });

const KUBELET = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING = "kubernetes.io/kubelet-serving";
const CLIENT = "kubernetes.io/kube-apiserver-client";
const NODE_NAMES: RequestedNames = { subject: "O=system:nodes,CN=system:node:n1" };

beforeEach(async () => {
  clock = new VirtualClock();
  signed.length = 0;
  const parts = { clock, random: seededRandom(7), log: silentLogger };
  core = await createApiCore({ ...parts, store: createMemoryStore({ clock }) });
  admin = core.client("admin");
  controllers = await startControllers({
    ...parts,
    client: core.client("kcm"),
    rootCa: "PEM",
    // What is signed is not the point here; any certificate will do.
    signCertificate: async (signing) => {
      signed.push(signing);
      return caCert;
    },
  });
});

afterEach(() => controllers.stop());

interface Asked {
  readonly signer?: string;
  readonly usages?: string[];
  readonly seconds?: number;
  readonly by?: Client;
  readonly more?: object;
}

async function ask(names: RequestedNames, asked: Asked = {}): Promise<V1CertificateSigningRequest> {
  const { request } = await makeRequest(names);
  return (asked.by ?? admin).create(CertificateSigningRequest, {
    metadata: { name: "r" },
    spec: {
      request: Buffer.from(request).toString("base64"),
      signerName: asked.signer ?? CLIENT,
      usages: asked.usages ?? ["client auth"],
      ...(asked.seconds === undefined ? {} : { expirationSeconds: asked.seconds }),
      ...asked.more,
    },
  });
}

async function decide(type: string, by = admin): Promise<V1CertificateSigningRequest> {
  const request = await admin.get(CertificateSigningRequest, { name: "r" });
  const conditions = [...(request.status?.conditions ?? []), { type, status: "True", reason: "ByHand" }];
  return by.update(
    CertificateSigningRequest,
    { ...request, status: { conditions } },
    { subresource: "approval" },
  );
}

/** "Approved,Failed issued", and why it failed. */
async function outcome(): Promise<string> {
  const { status } = await admin.get(CertificateSigningRequest, { name: "r" });
  const types = (status?.conditions ?? []).map(({ type }) => type).join(",");
  const failed = status?.conditions?.find(({ type }) => type === "Failed");
  return [
    types,
    ...(status?.certificate ? ["issued"] : []),
    ...(failed ? [`${failed.reason}: ${failed.message}`] : []),
  ].join(" ");
}

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "accepted";
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.message}`;
    throw error;
  }
}

describe("approval", () => {
  test("a kubelet renews its own certificate, and for nobody else", async () => {
    const kubelet = core.client("system:node:n1", ["system:nodes"]);
    const usages = ["digital signature", "client auth"];
    const made = await ask(NODE_NAMES, {
      signer: KUBELET,
      usages,
      by: kubelet,
      more: { username: "forged", groups: ["system:masters"] },
    });
    expect([made.spec.username, made.spec.groups]).toEqual([
      "system:node:n1",
      ["system:nodes", "system:authenticated"],
    ]);
    // What every cluster of kubeadm allows its nodes.
    await admin.create(ClusterRoleBinding, {
      metadata: { name: "renew" },
      roleRef: {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        name: "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
      },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "system:nodes" }],
    });
    await clock.advance(5000);
    expect(await outcome()).toBe("Approved issued");
    const { status } = await admin.get(CertificateSigningRequest, { name: "r" });
    expect(status?.conditions?.[0]).toMatchObject({
      reason: "AutoApproved",
      message: "Auto approving self kubelet client certificate after SubjectAccessReview.",
    });
    const other = { subject: "O=system:nodes,CN=system:node:n2" };
    expect(await refusal(ask(other, { signer: KUBELET, usages, by: kubelet, more: {} }))).toBe(
      '403 certificatesigningrequests.certificates.k8s.io "r" is forbidden: can only create a node CSR with CN=system:node:n1',
    );
  });

  test.each([
    [{ subject: "O=system:nodes,CN=system:node:n1" }, SERVING, ["digital signature", "server auth"]],
    [
      { subject: "O=system:nodes,CN=system:node:n1", dns: ["x"] },
      KUBELET,
      ["digital signature", "client auth"],
    ],
    [{ subject: "CN=jane" }, CLIENT, ["client auth"]],
  ])("%j for %s waits for somebody to decide", async (names, signer, usages) => {
    await ask(names, { signer, usages });
    await clock.advance(60_000);
    expect(await outcome()).toBe("");
  });
});

const NODE = "O=system:nodes,CN=system:node:n1";

test.each([
  [{ subject: "CN=jane,O=devs" }, CLIENT, ["client auth"], "Approved issued"],
  [
    { subject: "CN=jane" },
    CLIENT,
    ["client auth", "server auth"],
    "Approved,Failed SignerValidationFailure: invalid usage for client certificate: server auth",
  ],
  [
    { subject: "CN=jane" },
    CLIENT,
    ["digital signature"],
    "Approved,Failed SignerValidationFailure: missing required usage for client certificate: client auth",
  ],
  [{ subject: NODE, dns: ["n1"] }, SERVING, ["digital signature", "server auth"], "Approved issued"],
  [
    { subject: NODE, ip: ["10.0.0.1"] },
    SERVING,
    ["digital signature", "key encipherment", "server auth"],
    "Approved issued",
  ],
  [
    { subject: NODE },
    SERVING,
    ["digital signature", "server auth"],
    "Approved,Failed SignerValidationFailure: DNS or IP subjectAltName is required",
  ],
  [
    { subject: NODE, dns: ["n1"], email: ["a@b"] },
    SERVING,
    ["digital signature", "server auth"],
    "Approved,Failed SignerValidationFailure: Email subjectAltNames are not allowed",
  ],
  [
    { subject: NODE, dns: ["n1"] },
    SERVING,
    ["server auth"],
    "Approved,Failed SignerValidationFailure: usages did not match [digital signature key encipherment server auth]",
  ],
  [
    { subject: "O=system:nodes,CN=jane", dns: ["n1"] },
    SERVING,
    ["digital signature", "server auth"],
    "Approved,Failed SignerValidationFailure: subject common name does not begin with system:node:",
  ],
  [
    { subject: "O=other,CN=system:node:n1", dns: ["n1"] },
    SERVING,
    ["digital signature", "server auth"],
    "Approved,Failed SignerValidationFailure: subject organization is not system:nodes",
  ],
  [
    { subject: NODE, uri: ["spiffe://x"] },
    KUBELET,
    ["digital signature", "client auth"],
    "Approved,Failed SignerValidationFailure: URI subjectAltNames are not allowed",
  ],
  [{ subject: "CN=jane" }, "example.com/mine", ["any"], "Approved"],
])("signing: %j for %s, %j: %s", async (names, signer, usages, wants) => {
  await ask(names, { signer, usages });
  await decide("Approved");
  await clock.advance(5000);
  expect(await outcome()).toBe(wants);
});

test("what is denied is not signed, and cannot be approved any more", async () => {
  await ask({ subject: "CN=jane" });
  await decide("Denied");
  await clock.advance(5000);
  expect(await outcome()).toBe("Denied");
  expect(await refusal(decide("Approved"))).toBe(
    '422 CertificateSigningRequest.certificates.k8s.io "r" is invalid: status.conditions: Invalid value: "Approved": Approved and Denied conditions are mutually exclusive',
  );
});

const hour = 3_600_000;
test.each([
  [undefined, -5 * 60_000, 365 * 24 * hour - 5 * 60_000],
  [24 * 3600, -5 * 60_000, 24 * hour - 5 * 60_000],
  [3600, -5 * 60_000, hour],
  [600, -5 * 60_000, 600_000],
  [10 ** 9, -5 * 60_000, 365 * 24 * hour - 5 * 60_000],
])("%s seconds are valid from %d to %d", (seconds, from, to) => {
  expect(validity(seconds, 0)).toEqual({ notBeforeMs: from, notAfterMs: to });
});

describe("who may what", () => {
  test("approve and sign need the signer, or all of its domain", async () => {
    const may = async (name: string, verb: string, resourceNames: string[]) => {
      const rules = [
        { verbs: [verb], apiGroups: ["certificates.k8s.io"], resources: ["signers"], resourceNames },
      ];
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name };
      const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name }];
      await admin.create(ClusterRole, { metadata: { name }, rules });
      await admin.create(ClusterRoleBinding, { metadata: { name }, roleRef, subjects });
      await clock.advance(10);
      return core.client(name, []);
    };
    await ask({ subject: "CN=jane" }, { signer: "example.com/mine", usages: ["any"] });
    const other = await may("other", "approve", ["example.com/other"]);
    expect(await refusal(decide("Approved", other))).toBe(
      '403 certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to approve requests with signerName "example.com/mine"',
    );
    const domain = await may("domain", "approve", ["example.com/*"]);
    expect(await refusal(decide("Approved", domain))).toBe("accepted");
    const request = await admin.get(CertificateSigningRequest, { name: "r" });
    const certificate = Buffer.from(caCert).toString("base64");
    const sign = (by: Client) =>
      by.update(
        CertificateSigningRequest,
        { ...request, status: { ...request.status, certificate } },
        { subresource: "status" },
      );
    expect(await refusal(sign(domain))).toBe(
      '403 certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to sign requests with signerName "example.com/mine"',
    );
    expect(await refusal(sign(await may("signer", "sign", ["example.com/mine"])))).toBe("accepted");
    expect(await outcome()).toBe("Approved issued");
  });

  test("status decides nothing, approval issues nothing, and the request itself stays", async () => {
    const made = await ask({ subject: "CN=jane" }, { signer: "example.com/mine", usages: ["any"] });
    const approved = { type: "Approved", status: "True", reason: "x" };
    const certificate = Buffer.from(caCert).toString("base64");
    const status = { conditions: [approved], certificate };
    await admin.update(CertificateSigningRequest, { ...made, status }, { subresource: "status" });
    expect(await outcome()).toBe(" issued");
    await admin.delete(CertificateSigningRequest, { name: "r" });
    const again = await ask({ subject: "CN=jane" }, { signer: "example.com/mine", usages: ["any"] });
    await admin.update(CertificateSigningRequest, { ...again, status }, { subresource: "approval" });
    expect(await outcome()).toBe("Approved");
    const current = await admin.get(CertificateSigningRequest, { name: "r" });
    const changed = await admin.update(CertificateSigningRequest, {
      ...current,
      spec: { ...current.spec, signerName: "example.com/other" },
    });
    expect(changed.spec.signerName).toBe("example.com/mine");
  });

  test("nobody asks to be in system:masters", async () => {
    expect(await refusal(ask({ subject: "CN=jane,O=system:masters" }))).toBe(
      '403 certificatesigningrequests.certificates.k8s.io "r" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    );
  });
});

test.each([
  [{ more: { request: "" } }, 'spec.request: Invalid value: "": PEM block type must be CERTIFICATE REQUEST'],
  [{ usages: [] }, "spec.usages: Required value"],
  [{ usages: ["client auth", "client auth"] }, 'spec.usages[1]: Duplicate value: "client auth"'],
  [
    { signer: "mine" },
    "spec.signerName: Invalid value: \"mine\": must be a fully qualified domain and path of the form 'example.com/signer-name'",
  ],
  [
    { signer: "kubernetes.io/legacy-unknown" },
    'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
  ],
  [
    { seconds: 599 },
    "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)",
  ],
])("%j: %s", async (asked, wants) => {
  expect(await refusal(ask({ subject: "CN=jane" }, asked))).toBe(
    `422 CertificateSigningRequest.certificates.k8s.io "r" is invalid: ${wants}`,
  );
});

// [what happens to it, how long it is kept]
test.each([
  ["nothing", 24],
  ["Denied", 1],
  ["Approved", 1],
])("%s: gone after %d hours", async (type, hours) => {
  await ask({ subject: "CN=jane" });
  if (type !== "nothing") await decide(type);
  await clock.advance(hours * hour - 60_000);
  expect((await admin.list(CertificateSigningRequest)).items.length).toBe(1);
  await clock.advance(120_000);
  expect((await admin.list(CertificateSigningRequest)).items.length).toBe(0);
});
