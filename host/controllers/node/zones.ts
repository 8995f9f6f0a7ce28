import type { V1Node } from "../../api/generated/types.ts";

/** How much of a zone does not answer. */
export type ZoneState = "Normal" | "PartialDisruption" | "FullDisruption";

interface Zone {
  ready: number;
  notReady: number;
  state: ZoneState;
  /** When the next of its nodes may lose its pods. */
  nextTurnMs: number;
  /** Nodes that wait for their turn, the longest first. */
  readonly waiting: Set<string>;
  /** Nodes whose turn has come, until they have made use of it. */
  readonly granted: Set<string>;
}

interface Member {
  readonly zone: string;
  readonly isReady: boolean;
  readonly isCounted: boolean;
}

/** One node in ten seconds (node-eviction-rate 0.1), or in a hundred (secondary-node-eviction-rate 0.01). */
const TURN_MS = 10_000;
const SLOW_TURN_MS = 100_000;
const UNHEALTHY_SHARE = 0.55;
/** Up to this size a zone in disruption stands still (large-cluster-size-threshold). */
const SMALL_ZONE = 50;
const EXCLUDED = "node.kubernetes.io/exclude-disruption";

/**
 * The zones of a cluster, and whose turn it is to lose pods because it does not answer. When many nodes fail at once it is
 * more likely the network that failed: the pace is slowed, and when nobody answers nothing is done.
 * Holds an entry per node. Source: controllers.md 11.1, Zones.
 */
export class Zones {
  readonly #members = new Map<string, Member>();
  readonly #zones = new Map<string, Zone>();
  #isDark = false;

  /** No node of any zone answers: then it is us, and no node is to blame. */
  get isDark(): boolean {
    return this.#isDark;
  }

  /** Takes a node's newest state. @returns nodes that have to be looked at again because of it */
  note(node: V1Node): readonly string[] {
    const name = node.metadata?.name ?? "";
    const before = this.#members.get(name);
    const now: Member = {
      zone: zoneOf(node),
      isReady:
        node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false,
      isCounted: node.metadata?.labels?.[EXCLUDED] === undefined,
    };
    if (before?.zone === now.zone && before.isReady === now.isReady && before.isCounted === now.isCounted)
      return [];
    this.#members.set(name, now);
    if (before !== undefined) this.#count(before, -1);
    if (before !== undefined && before.zone !== now.zone) this.#leave(this.#zones.get(before.zone), name);
    this.#count(now, 1);
    return this.#settle();
  }

  /** A node is gone. @returns nodes that have to be looked at again because of it */
  forget(name: string): readonly string[] {
    const member = this.#members.get(name);
    if (member === undefined) return [];
    this.#members.delete(name);
    this.#count(member, -1);
    this.#leave(this.#zones.get(member.zone), name);
    return this.#settle();
  }

  /** Asks for a node's turn. @returns 0: it is now; undefined: not while its zone is as it is; else how long to wait */
  askTurn(name: string, nowMs: number): number | undefined {
    const zone = this.#zoneOf(name);
    const turnMs = this.#turnMs(zone);
    if (zone === undefined || turnMs === undefined) return undefined;
    if (zone.granted.has(name)) return 0;
    zone.waiting.add(name);
    const place = [...zone.waiting].indexOf(name);
    const waitMs = Math.max(0, zone.nextTurnMs - nowMs) + place * turnMs;
    if (waitMs > 0) return waitMs;
    zone.waiting.delete(name);
    zone.granted.add(name);
    zone.nextTurnMs = nowMs + turnMs;
    return 0;
  }

  /** The node answers again, or has what it waited for. */
  leaveQueue(name: string): void {
    this.#leave(this.#zoneOf(name), name);
  }

  #leave(zone: Zone | undefined, name: string): void {
    zone?.waiting.delete(name);
    zone?.granted.delete(name);
  }

  #zoneOf(name: string): Zone | undefined {
    return this.#zones.get(this.#members.get(name)?.zone ?? "");
  }

  #turnMs(zone: Zone | undefined): number | undefined {
    if (zone === undefined || this.#isDark) return undefined;
    if (zone.state !== "PartialDisruption") return TURN_MS;
    return zone.ready + zone.notReady > SMALL_ZONE ? SLOW_TURN_MS : undefined;
  }

  #count({ zone: name, isReady, isCounted }: Member, by: 1 | -1): void {
    let zone = this.#zones.get(name);
    if (zone === undefined) {
      zone = {
        ready: 0,
        notReady: 0,
        state: "Normal",
        nextTurnMs: 0,
        waiting: new Set(),
        granted: new Set(),
      };
      this.#zones.set(name, zone);
    }
    if (!isCounted) return;
    if (isReady) zone.ready += by;
    else zone.notReady += by;
  }

  /** Works the states out anew. */
  #settle(): readonly string[] {
    const again: string[] = [];
    const counted = [...this.#zones.values()].filter(({ ready, notReady }) => ready + notReady > 0);
    for (const zone of counted) {
      const state = stateOf(zone);
      if (state !== zone.state) again.push(...zone.waiting);
      zone.state = state;
    }
    const isDark = counted.length > 0 && counted.every(({ state }) => state === "FullDisruption");
    if (isDark === this.#isDark) return again;
    this.#isDark = isDark;
    return [...this.#members.keys()];
  }
}

function stateOf({ ready, notReady }: Zone): ZoneState {
  if (ready === 0 && notReady > 0) return "FullDisruption";
  return notReady > 2 && notReady / (ready + notReady) >= UNHEALTHY_SHARE ? "PartialDisruption" : "Normal";
}

function zoneOf({ metadata }: V1Node): string {
  const labels = metadata?.labels ?? {};
  const of = (domain: string) => [labels[`${domain}/region`], labels[`${domain}/zone`]];
  const legacy = of("failure-domain.beta.kubernetes.io");
  const [region = "", zone = ""] = legacy.some(Boolean) ? legacy : of("topology.kubernetes.io");
  return `${region}:${zone}`;
}
