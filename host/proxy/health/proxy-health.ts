import type { V1Node } from "../../api/generated/types.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Family } from "../address.ts";

/** What `/healthz` and `/livez` answer. */
export interface HealthAnswer {
  readonly code: 200 | 503;
  /** JSON. */
  readonly body: string;
}

const NAMES: Record<Family, string> = { ipv4: "IPv4", ipv6: "IPv6" };
/** The cluster autoscaler is about to remove the node. */
const TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler";

/**
 * Whether the proxy does its work: no change may wait longer than twice the sync period. A node that goes is not to be
 * given new connections, which a load balancer learns by `/healthz`; the proxy itself is well, says `/livez`. Source:
 * service-tables 3.7.
 */
export class ProxyHealth {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #families: readonly Family[];
  /** When each family's oldest change that is not yet in effect came. */
  readonly #waitingSinceMs = new Map<Family, number>();
  readonly #updatedMs = new Map<Family, number>();
  #isEligible = true;

  constructor(clock: Clock, timeoutMs: number, families: readonly Family[]) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#families = families;
  }

  /** A change came, and a sync is due. */
  queued(): void {
    for (const family of this.#families)
      if (!this.#waitingSinceMs.has(family)) this.#waitingSinceMs.set(family, this.#clock.nowMs());
  }

  /** A sync has brought all into effect that came before `startMs`. */
  synced(startMs: number): void {
    for (const family of this.#families) {
      this.#updatedMs.set(family, this.#clock.nowMs());
      const since = this.#waitingSinceMs.get(family);
      if (since !== undefined && since <= startMs) this.#waitingSinceMs.delete(family);
    }
  }

  /** @param node  undefined: it is deleted */
  nodeIs(node: V1Node | undefined): void {
    this.#isEligible =
      node?.metadata?.deletionTimestamp === undefined &&
      node !== undefined &&
      !(node.spec?.taints ?? []).some(({ key }) => key === TO_BE_DELETED);
  }

  get isHealthy(): boolean {
    return this.#families.every((family) => this.#isFamilyHealthy(family));
  }

  healthz(): HealthAnswer {
    return this.#answer(this.isHealthy && this.#isEligible, { nodeEligible: this.#isEligible });
  }

  livez(): HealthAnswer {
    return this.#answer(this.isHealthy, {});
  }

  #answer(isWell: boolean, more: { nodeEligible?: boolean }): HealthAnswer {
    const nowMs = this.#clock.nowMs();
    const time = (ms: number) => new Date(ms).toISOString();
    // As of old: a proxy that is well has just looked.
    const latest = this.isHealthy ? nowMs : Math.max(0, ...this.#updatedMs.values());
    const status = this.#families.map((family) => {
      const healthy = this.#isFamilyHealthy(family);
      const lastUpdated = time(healthy ? nowMs : (this.#updatedMs.get(family) ?? 0));
      return [NAMES[family], { lastUpdated, healthy }] as const;
    });
    const said = {
      lastUpdated: time(latest),
      currentTime: time(nowMs),
      ...more,
      healthy: isWell,
      status: Object.fromEntries(status),
    };
    return { code: isWell ? 200 : 503, body: JSON.stringify(said) };
  }

  #isFamilyHealthy(family: Family): boolean {
    const since = this.#waitingSinceMs.get(family);
    if (since !== undefined) return this.#clock.nowMs() - since < this.#timeoutMs;
    return this.#updatedMs.has(family);
  }
}
