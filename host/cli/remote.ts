import { request } from "node:https";
import { join } from "node:path";
import { createHttpClient, type HttpClient } from "../client/http-client.ts";
import { readAdmin } from "../security/pki.ts";
import type { ClusterState } from "./cluster-state.ts";
import { Failure } from "./failure.ts";

/** How long a running cluster may take to say how it is. */
const ANSWER_LIMIT_MS = 5_000;

/** A client of the cluster that runs in a data directory, as its administrator. Close it, or the process stays. */
export function connect(dataDir: string, { url: server, certDir }: ClusterState): HttpClient {
  const { caCert, cert, key } = credentials(certDir ?? join(dataDir, "pki"));
  return createHttpClient({ server, ca: caCert, cert, key });
}

/** Whether /readyz says ok. */
export async function isReady(dataDir: string, { url: server, certDir }: ClusterState): Promise<boolean> {
  const { caCert, cert, key } = credentials(certDir ?? join(dataDir, "pki"));
  return await new Promise((resolve) => {
    const asking = request(
      `${server}/readyz`,
      { ca: caCert, cert, key, agent: false, timeout: ANSWER_LIMIT_MS },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    asking.on("timeout", () => asking.destroy(new Error("no answer")));
    asking.on("error", () => resolve(false));
    asking.end();
  });
}

function credentials(certDir: string) {
  const admin = readAdmin(certDir);
  if (admin === undefined) throw new Failure(`${certDir} lacks the administrator's certificate`);
  return admin;
}
