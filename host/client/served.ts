import { apiVersionOf, type Kind } from "../api/kind.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Client } from "./client.ts";

/** Rejects if the server does not know a kind that it serves only when it is told to: an informer would wait for it without end. */
export async function requireServed<T extends KubernetesObject>(
  client: Client,
  kind: Kind<T>,
): Promise<void> {
  try {
    await client.list(kind, { limit: 1 });
  } catch (error) {
    // Whatever else is wrong may pass, and is the informer's to wait for.
    if (!isReason(error, "NotFound")) return;
    const version = apiVersionOf(kind);
    throw new Error(
      `the API server does not serve ${kind.plural} of ${version}; start it with --runtime-config=${version}=true and the same --feature-gates`,
    );
  }
}
