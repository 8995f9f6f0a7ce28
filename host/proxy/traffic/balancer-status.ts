import type { V1Service } from "../../api/generated/types.ts";
import { Service } from "../../api/registry.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { isReason } from "../../apimachinery/errors.ts";
import type { Logger } from "../../apimachinery/log.ts";
import { parseKey } from "../../apimachinery/object.ts";
import type { Client } from "../../client/client.ts";
import type { Lister } from "../../client/lister.ts";
import { Workqueue } from "../../client/workqueue.ts";
import type { PortsState } from "./open-ports.ts";
import { isBalancedHere } from "./service-claims.ts";

export interface BalancerStatusOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly services: Lister<V1Service>;
}

/** What a Service whose ports are open on this machine is reached by. */
const HERE = "localhost";
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 30_000;

/**
 * Says in a LoadBalancer Service's status where it answers, once it does: what a cloud's controller does elsewhere. What
 * somebody else wrote there stays.
 */
export class BalancerStatus {
  readonly #options: BalancerStatusOptions;
  readonly #queue: Workqueue;
  readonly #states = new Map<string, PortsState>();
  readonly #working: Promise<void>;

  constructor(options: BalancerStatusOptions) {
    this.#options = options;
    const { clock } = options;
    this.#queue = new Workqueue({ clock, firstDelayMs: RETRY_FIRST_MS, maxDelayMs: RETRY_MAX_MS });
    this.#working = this.#work();
  }

  set(service: string, state: PortsState | undefined): void {
    if (state === undefined) this.#states.delete(service);
    else this.#states.set(service, state);
    this.#queue.add(service);
  }

  async stop(): Promise<void> {
    this.#queue.close();
    await this.#working;
  }

  async #work(): Promise<void> {
    for (let key = await this.#queue.get(); key !== undefined; key = await this.#queue.get()) {
      try {
        await this.#publish(key);
        this.#queue.forget(key);
      } catch (error) {
        if (!isReason(error, "NotFound")) {
          this.#options.log.warn("status of a load balancer not written", {
            service: key,
            error: String(error),
          });
          this.#queue.addRateLimited(key);
        }
      }
      this.#queue.done(key);
    }
  }

  async #publish(key: string): Promise<void> {
    const service = this.#options.services.get(key);
    if (service === undefined) return;
    const ingress = service.status?.loadBalancer?.ingress ?? [];
    const isOurs = ingress.length === 1 && ingress[0]!.hostname === HERE;
    const state = isBalancedHere(service) ? this.#states.get(key) : "closed";
    // It will be said when it is known.
    if (state === "opening" || state === undefined) return;
    const isHere = state === "open";
    // An address that somebody wrote leads elsewhere, or here by another name.
    if (isHere ? ingress.length > 0 : !isOurs) return;
    const body = { status: { loadBalancer: isHere ? { ingress: [{ hostname: HERE }] } : null } };
    await this.#options.client.patch(
      Service,
      parseKey(key),
      { type: "merge", body },
      { subresource: "status" },
    );
  }
}
