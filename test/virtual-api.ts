import { ServiceAccount } from "../host/api/registry.ts";
import { VirtualClock } from "../host/apimachinery/clock.ts";
import { silentLogger } from "../host/apimachinery/log.ts";
import { type Random, seededRandom } from "../host/apimachinery/random.ts";
import { createApiCore } from "../host/apiserver/core.ts";
import type { FeatureOptions } from "../host/apiserver/runtime-config.ts";
import type { Client } from "../host/client/client.ts";
import { createMemoryStore } from "../host/store/memory-store.ts";

/** An API server without a wire, in memory and under virtual time: what tests of single components stand on. */
export interface VirtualApi {
  readonly clock: VirtualClock;
  readonly client: Client;
  /** What every component is given. */
  readonly parts: { clock: VirtualClock; random: Random; log: typeof silentLogger };
}

export async function startVirtualApi(seed = 1, features: FeatureOptions = {}): Promise<VirtualApi> {
  const parts = { clock: new VirtualClock(), random: seededRandom(seed), log: silentLogger };
  const core = await createApiCore({
    ...parts,
    ...features,
    store: createMemoryStore(),
    untaintedNodes: true,
  });
  const client = core.client("system:component-under-test");
  // Pods are only admitted once their namespace has its ServiceAccount.
  await client.create(ServiceAccount, { metadata: { name: "default", namespace: "default" } });
  return { clock: parts.clock, client, parts };
}

const READS: readonly string[] = ["get", "list", "watch"];

/**
 * The same client, with every write shown first to `look`; an error it returns is the write's answer.
 *
 * @param look  is told "create Node", "createSubresource Pod", … and the object's name where the call has one
 */
export function watchWrites(
  client: Client,
  look: (write: string, name: string | undefined) => Error | undefined,
): Client {
  return new Proxy(client, {
    get: (target, verb: keyof Client) => {
      const call = Reflect.get(target, verb).bind(target) as (...given: unknown[]) => unknown;
      if (READS.includes(verb)) return call;
      return async (kind: { kind: string }, subject: { name?: string }, ...rest: unknown[]) => {
        const fault = look(`${verb} ${kind.kind}`, subject.name);
        if (fault !== undefined) throw fault;
        return call(kind, subject, ...rest);
      };
    },
  });
}
