import type { AuthenticationV1TokenRequest } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import { ServiceAccount } from "../api/registry.ts";
import type { Clock } from "../apimachinery/clock.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { ObjectReference } from "../apimachinery/object.ts";
import type { Client } from "./client.ts";
import { createHttpClient, type HttpClient } from "./http-client.ts";
import type { HttpConnectionOptions } from "./http-connection.ts";

const SECONDS = 3600;
/** A token is replaced when a fifth of its time is left. */
const RENEW_AFTER_MS = SECONDS * 800;

export interface ServiceAccountClientOptions {
  /** May create service accounts and their tokens. */
  readonly client: Client;
  readonly account: ObjectReference;
  /** The server, and how it is trusted; certificate and token of it are not used. */
  readonly access: HttpConnectionOptions;
  readonly clock: Clock;
}

/**
 * A client that works as a service account, with tokens it asks for when it needs one. The account is made when it is
 * not there. Source: kube-controller-manager's `--use-service-account-credentials`.
 */
export function createServiceAccountClient(options: ServiceAccountClientOptions): HttpClient {
  const { client, account, access, clock } = options;
  let token: string | undefined;
  let renewAtMs = 0;
  let renewing: Promise<void> | undefined;
  const { cert: _cert, key: _key, ...rest } = access;
  const http = createHttpClient({ ...rest, clock, token: () => token });

  const renew = async () => {
    token = await requestToken(client, account);
    renewAtMs = clock.nowMs() + RENEW_AFTER_MS;
  };
  const fresh = async () => {
    if (token !== undefined && clock.nowMs() < renewAtMs) return;
    renewing ??= renew().finally(() => {
      renewing = undefined;
    });
    await renewing;
  };
  return new Proxy(http, {
    get: (target, name: keyof HttpClient) => {
      const call: unknown = Reflect.get(target, name);
      // Nothing watches by this client; who closes it needs no token.
      if (typeof call !== "function") return call;
      if (name === "close" || name === "watch")
        return (...given: unknown[]): unknown => Reflect.apply(call, target, given);
      return async (...given: unknown[]): Promise<unknown> => {
        await fresh();
        return await (Reflect.apply(call, target, given) as Promise<unknown>);
      };
    },
  });
}

async function requestToken(client: Client, account: ObjectReference): Promise<string> {
  const kind = ServiceAccount as unknown as Kind;
  const ask = () =>
    client.createSubresource(kind, account, "token", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: SECONDS },
    } as AuthenticationV1TokenRequest);
  try {
    return tokenOf(await ask());
  } catch (error) {
    if (!isReason(error, "NotFound")) throw error;
  }
  try {
    await client.create(ServiceAccount, { metadata: { ...account } });
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
  }
  return tokenOf(await ask());
}

function tokenOf(answer: unknown): string {
  const { token } = (answer as AuthenticationV1TokenRequest).status ?? {};
  if (!token) throw new Error("the server gave no token");
  return token;
}
