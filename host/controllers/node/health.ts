import { findCondition } from "../../api/conditions.ts";
import type { V1Lease, V1Node, V1NodeCondition } from "../../api/generated/types.ts";
import { formatTime } from "../../apimachinery/clock.ts";

interface Probe {
  readonly uid: string | undefined;
  /** When it last gave a sign, by our clock: that of the node does not count. */
  probeMs: number;
  heartbeat: string | undefined;
  isReady: boolean;
  renewTime: string;
  leaseMs: number;
}

/** A node that has posted its status may be silent for so long (node-monitor-grace-period) … */
const GRACE_MS = 50_000;
/** … and a new one until its first word (node-startup-grace-period). */
const STARTUP_GRACE_MS = 60_000;
/** A Lease that lasts longer than a kubelet's 40 s gives its node the same share more. */
const GRACE_PER_LEASE = 50 / 40;

/** When each node last gave a sign: a new heartbeat in its Ready condition, or a renewed Lease. An entry per node. */
export class Health {
  readonly #probes = new Map<string, Probe>();

  /** Takes a node's newest state. @returns what it is now: new here, or no longer ready */
  see(node: V1Node, nowMs: number): { readonly isNew: boolean; readonly lostReady: boolean } {
    const name = node.metadata?.name ?? "";
    const ready = findCondition(node.status?.conditions, "Ready");
    const known = this.#probes.get(name);
    const isReady = ready?.status === "True";
    if (known === undefined || known.uid !== node.metadata?.uid) {
      const probeMs = ready === undefined ? Date.parse(node.metadata?.creationTimestamp ?? "") : nowMs;
      const { renewTime = "", leaseMs = 0 } = known ?? {};
      const uid = node.metadata?.uid;
      this.#probes.set(name, { uid, probeMs, heartbeat: heartbeatOf(ready), isReady, renewTime, leaseMs });
      return { isNew: known?.uid === undefined || known.uid !== uid, lostReady: false };
    }
    if (known.heartbeat !== heartbeatOf(ready)) {
      known.heartbeat = heartbeatOf(ready);
      known.probeMs = nowMs;
    }
    const lostReady = known.isReady && !isReady;
    known.isReady = isReady;
    return { isNew: false, lostReady };
  }

  /** Takes a Lease of the namespace in which nodes have theirs. */
  renewed({ metadata, spec }: V1Lease, nowMs: number): void {
    const name = metadata?.name ?? "";
    const renewTime = spec?.renewTime ?? "";
    const leaseMs = (spec?.leaseDurationSeconds ?? 0) * 1000;
    const known = this.#probes.get(name);
    if (known === undefined) {
      // Its node has not been seen yet.
      this.#probes.set(name, {
        uid: undefined,
        probeMs: nowMs,
        heartbeat: undefined,
        isReady: false,
        renewTime,
        leaseMs,
      });
      return;
    }
    known.leaseMs = leaseMs;
    if (renewTime <= known.renewTime) return;
    known.renewTime = renewTime;
    known.probeMs = nowMs;
  }

  forget(name: string): void {
    this.#probes.delete(name);
  }

  /** Gives all the benefit of the doubt: it was us who could not see. */
  restart(nowMs: number): void {
    for (const probe of this.#probes.values()) probe.probeMs = nowMs;
  }

  /** When a node that gives no further sign is taken for dead. */
  expiresMs(node: V1Node): number {
    const known = this.#probes.get(node.metadata?.name ?? "");
    if (known === undefined) return Number.POSITIVE_INFINITY;
    if (known.heartbeat === undefined) return known.probeMs + STARTUP_GRACE_MS;
    return known.probeMs + Math.max(GRACE_MS, known.leaseMs * GRACE_PER_LEASE);
  }
}

/** Defined whenever the condition is there. */
function heartbeatOf(ready: V1NodeCondition | undefined): string | undefined {
  return ready && (ready.lastHeartbeatTime ?? "");
}

const TOLD_BY_KUBELET = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/** The conditions of a node that is silent; the same when they say so already. */
export function silentConditions(node: V1Node, nowMs: number): readonly V1NodeCondition[] {
  const conditions = [...(node.status?.conditions ?? [])];
  const lastTransitionTime = formatTime(nowMs);
  for (const type of TOLD_BY_KUBELET) {
    const index = conditions.findIndex((one) => one.type === type);
    const known = conditions[index];
    if (known === undefined) {
      conditions.push({
        type,
        status: "Unknown",
        reason: "NodeStatusNeverUpdated",
        message: "Kubelet never posted node status.",
        ...(node.metadata?.creationTimestamp === undefined
          ? {}
          : { lastHeartbeatTime: node.metadata.creationTimestamp }),
        lastTransitionTime,
      });
    } else if (known.status !== "Unknown") {
      conditions[index] = {
        ...known,
        status: "Unknown",
        reason: "NodeStatusUnknown",
        message: "Kubelet stopped posting node status.",
        lastTransitionTime,
      };
    }
  }
  return conditions;
}
