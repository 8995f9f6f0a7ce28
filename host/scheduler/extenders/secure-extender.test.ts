import { afterAll, beforeAll, expect, test } from "vitest";
import { SystemClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import { ensurePki, type Pki } from "../../security/pki.ts";
import { readConfiguration } from "../configuration/read-configuration.ts";
import { openExtenderServer } from "./extender-server.ts";
import type { ExtenderService } from "./extender-service.ts";
import { HttpExtender } from "./http-extender.ts";

/** The client of extenders against the server of one, over HTTPS with certificates on both sides. */
let pki: Pki;
let stranger: Pki;
let server: { readonly port: number; stop(): Promise<void> };

beforeAll(async () => {
  const nowMs = new SystemClock().nowMs();
  [pki, stranger] = await Promise.all([ensurePki({ nowMs }), ensurePki({ nowMs })]);
  const keepsAll = { filter: async () => ({ NodeNames: ["n1"] }) };
  server = await openExtenderServer({
    host: "127.0.0.1",
    port: 0,
    tls: { ...pki.serving, clientCa: pki.caCert },
    service: () => keepsAll as unknown as ExtenderService,
    log: silentLogger,
  });
});
afterAll(() => server.stop());

const data = (pem: string) => Buffer.from(pem).toString("base64");

test.each<{ name: string; tls: () => object; wants: string | RegExp }>([
  {
    name: "both show what the other believes",
    tls: () => ({ caData: data(pki.caCert), certData: data(pki.admin.cert), keyData: data(pki.admin.key) }),
    wants: "n1",
  },
  {
    name: "another name is looked for in the certificate",
    tls: () => ({
      serverName: "kubernetes.default.svc",
      ...{ caData: data(pki.caCert), certData: data(pki.admin.cert), keyData: data(pki.admin.key) },
    }),
    wants: "n1",
  },
  {
    name: "the extender's authority is not known",
    tls: () => ({
      caData: data(stranger.caCert),
      certData: data(pki.admin.cert),
      keyData: data(pki.admin.key),
    }),
    wants:
      /^Post "https:.*": tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
  },
  {
    name: "nothing is checked where nothing is given, but the extender checks",
    tls: () => ({}),
    wants: /^Post "https:/,
  },
  {
    name: "a stranger's certificate",
    tls: () => ({
      insecure: true,
      ...{ certData: data(stranger.admin.cert), keyData: data(stranger.admin.key) },
    }),
    wants: /^Post "https:/,
  },
])("$name", async ({ tls, wants }) => {
  const { extenders } = readConfiguration({
    apiVersion: "kubescheduler.config.k8s.io/v1",
    kind: "KubeSchedulerConfiguration",
    extenders: [
      {
        urlPrefix: `https://127.0.0.1:${server.port}/`,
        ...{ filterVerb: "filter", nodeCacheCapable: true, enableHTTPS: true, tlsConfig: tls() },
      },
    ],
  });
  const nobody = { node: () => undefined, pod: () => undefined };
  const extender = new HttpExtender(extenders[0]!, new SystemClock(), nobody);
  const answered = await extender.filter({ metadata: { name: "web" } }, ["n1"]).then(
    ({ nodes }) => nodes.join(" "),
    (error: Error) => error.message,
  );
  extender.close();
  if (typeof wants === "string") expect(answered).toBe(wants);
  else expect(answered).toMatch(wants);
});
