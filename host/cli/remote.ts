import { request } from "node:https";
import { join } from "node:path";
import { createHttpClient, type HttpClient } from "../client/http-client.ts";
import { readAdmin } from "../security/pki.ts";
import { Failure } from "./failure.ts";

/** How long a running cluster may take to say how it is. */
const ANSWER_LIMIT_MS = 5_000;

/** A client of the cluster that runs in a data directory, as its administrator. Close it, or the process stays. */
export function connect(dataDir: string, server: string): HttpClient {
  const { caCert, cert, key } = credentials(dataDir);
  return createHttpClient({ server, ca: caCert, cert, key });
}

/** Whether /readyz says ok. */
export async function isReady(dataDir: string, server: string): Promise<boolean> {
  const { caCert, cert, key } = credentials(dataDir);
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

function credentials(dataDir: string) {
  const admin = readAdmin(join(dataDir, "pki"));
  if (admin === undefined) throw new Failure(`${join(dataDir, "pki")} lacks the administrator's certificate`);
  return admin;
}
