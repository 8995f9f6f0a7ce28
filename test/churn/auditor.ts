import { HOSTNAME, type NodeFacts, type PodFacts, type SpreadRule, type Term } from "./facts.ts";

/** One thing that happened to one object, in the order of the store's revisions. */
export type Happening =
  | { readonly revision: number; readonly atMs: number; readonly pod: PodFacts; readonly isGone: boolean }
  | { readonly revision: number; readonly atMs: number; readonly node: NodeFacts; readonly isGone: boolean };

/**
 * How long a decision may be older than its binding. What another client did in between (a cordon, a deletion) the
 * scheduler could not know, and neither could kube-scheduler; what the scheduler itself did before is held against it at once.
 */
const KNOWN_AFTER_MS = 2_000;

interface PodRecord {
  facts: PodFacts;
  readonly boundMs: number;
  leavingSinceMs: number | undefined;
  goneSinceMs: number | undefined;
}

interface NodeRecord {
  facts: NodeFacts;
  sinceMs: number;
  closedSinceMs: number | undefined;
  cordonedSinceMs: number | undefined;
  goneSinceMs: number | undefined;
}

/**
 * Follows a cluster's history and judges every binding by what the API showed before it. It knows Kubernetes' promises and
 * nothing of how they are kept: no room is given twice, no required rule is broken, no pod is moved or bound twice.
 */
export class Auditor {
  readonly faults: string[] = [];
  bindings = 0;
  readonly #pods = new Map<string, PodRecord>();
  readonly #waiting = new Map<string, PodFacts>();
  readonly #nodes = new Map<string, NodeRecord>();
  /** What comes next, in order. */
  #ahead: Happening[] = [];
  #nowMs = 0;

  /** In order. What happened last is judged when it is known what came soon after: bindings overtake one another. */
  see(happenings: readonly Happening[]): void {
    this.#ahead.push(...happenings);
    const newestMs = this.#ahead.at(-1)?.atMs ?? 0;
    while (this.#ahead.length > 0 && newestMs - this.#ahead[0]!.atMs > KNOWN_AFTER_MS)
      this.#judge(this.#ahead.shift()!);
  }

  /** Judges what is left. To be asked when all has been quiet. */
  finish(nowMs: number): void {
    while (this.#ahead.length > 0) this.#judge(this.#ahead.shift()!);
    this.#nowMs = nowMs;
  }

  #judge(happening: Happening): void {
    this.#nowMs = Math.max(this.#nowMs, happening.atMs);
    if ("node" in happening) this.#seeNode(happening.node, happening.isGone);
    else this.#seePod(happening.pod, happening.isGone);
  }

  /**
   * Pods that wait though nobody told them why, though the rules leave them a node, or though pods of lower priority are in
   * their way. To be asked after `finish`, when all was quiet for longer than the scheduler's backoff.
   */
  lost(): string[] {
    return [...this.#waiting.values()].flatMap((pod) => {
      if (pod.reason === undefined) return [`${pod.name}: waits, and nobody says why`];
      const nodes = [...this.#nodes.values()];
      const live = this.#live();
      const free = nodes.find((node) => this.#objections(pod, node, live).length === 0);
      if (free !== undefined)
        return [`${pod.name}: waits ("${pod.reason}"), though ${free.facts.name} would do`];
      const others = live.filter(({ facts }) => facts.rules.priority >= pod.rules.priority);
      const taken = nodes.find((node) => this.#objections(pod, node, others).length === 0);
      // A rule about company may need the very pods that would have to go.
      if (taken === undefined || pod.rules.together.length > 0) return [];
      return [`${pod.name}: waits, though lesser pods are on ${taken.facts.name}`];
    });
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get bound(): number {
    return this.#live().length;
  }

  #seeNode(facts: NodeFacts, isGone: boolean): void {
    const known = this.#nodes.get(facts.name);
    if (known === undefined || (known.goneSinceMs !== undefined && !isGone)) {
      this.#nodes.set(facts.name, {
        facts,
        sinceMs: this.#nowMs,
        closedSinceMs: facts.isClosed ? this.#nowMs : undefined,
        cordonedSinceMs: facts.isCordoned ? this.#nowMs : undefined,
        goneSinceMs: isGone ? this.#nowMs : undefined,
      });
      return;
    }
    known.facts = facts;
    known.closedSinceMs = facts.isClosed ? (known.closedSinceMs ?? this.#nowMs) : undefined;
    known.cordonedSinceMs = facts.isCordoned ? (known.cordonedSinceMs ?? this.#nowMs) : undefined;
    if (isGone) known.goneSinceMs = this.#nowMs;
  }

  #seePod(facts: PodFacts, isGone: boolean): void {
    const known = this.#pods.get(facts.uid);
    if (known === undefined) {
      if (isGone) this.#waiting.delete(facts.uid);
      else if (facts.node === undefined) this.#waiting.set(facts.uid, facts);
      else this.#bind(facts, facts.node);
      return;
    }
    if (facts.node !== known.facts.node)
      this.faults.push(`${facts.name}: was bound to ${known.facts.node}, and then to ${facts.node}`);
    known.facts = { ...facts, node: known.facts.node };
    if (facts.isLeaving) known.leavingSinceMs ??= this.#nowMs;
    if (isGone || facts.hasEnded) known.goneSinceMs ??= this.#nowMs;
  }

  #bind(facts: PodFacts, name: string): void {
    this.bindings++;
    this.#waiting.delete(facts.uid);
    this.#forgetOld();
    const node = this.#nodes.get(name);
    const objections = node ? this.#objections(facts, node, this.#live()) : ["it never existed"];
    for (const objection of objections) this.faults.push(`${facts.name} on ${name}: ${objection}`);
    this.#pods.set(facts.uid, {
      facts,
      boundMs: this.#nowMs,
      leavingSinceMs: facts.isLeaving ? this.#nowMs : undefined,
      goneSinceMs: undefined,
    });
  }

  #forgetOld(): void {
    for (const [uid, { goneSinceMs }] of this.#pods) if (this.#isOld(goneSinceMs)) this.#pods.delete(uid);
  }

  /** Whether it has been so for long enough that the scheduler has to know. */
  #isOld(sinceMs: number | undefined): boolean {
    return sinceMs !== undefined && this.#nowMs - sinceMs > KNOWN_AFTER_MS;
  }

  #live(): PodRecord[] {
    return [...this.#pods.values()].filter(({ goneSinceMs }) => goneSinceMs === undefined);
  }

  /** Why the pod may not be on the node, beside these others. */
  #objections(pod: PodFacts, node: NodeRecord, others: readonly PodRecord[]): string[] {
    const { rules } = pod;
    const { facts } = node;
    const there = others.filter((one) => one.facts.node === facts.name);
    const sum = (of: (one: PodFacts) => number) =>
      there.reduce((total, one) => total + of(one.facts), of(pod));
    const found: string[] = [];
    const refuse = (isRefused: boolean, why: string) => {
      if (isRefused) found.push(why);
    };
    refuse(this.#isOld(node.goneSinceMs), "the node is gone");
    refuse(this.#isOld(node.cordonedSinceMs), "nobody may come to the node");
    refuse(this.#isOld(node.closedSinceMs) && !rules.toleratesTaint, "the node's taint is not tolerated");
    refuse(rules.zone !== undefined && rules.zone !== zoneOf(facts), "the node is in another zone");
    const cpu = sum((one) => one.rules.milliCpu);
    refuse(cpu > facts.milliCpu, `${cpu}m of ${facts.milliCpu}m CPU are given away`);
    const memory = sum((one) => one.rules.mebibytes);
    refuse(memory > facts.mebibytes, `${memory}Mi of ${facts.mebibytes}Mi memory are given away`);
    refuse(there.length + 1 > facts.pods, `${there.length + 1} pods of ${facts.pods}`);
    const ports = there.filter((one) => one.facts.rules.hostPort === rules.hostPort);
    refuse(rules.hostPort !== undefined && ports.length > 0, `host port ${rules.hostPort} is taken`);
    for (const term of rules.apart) {
      const other = others.find((one) => one.facts.rules.app === term.app && this.#isNear(one, facts, term));
      refuse(other !== undefined, `must be apart from ${other?.facts.name}`);
    }
    for (const other of others)
      for (const term of other.facts.rules.apart)
        if (term.app === rules.app && this.#isNear(other, facts, term))
          found.push(`${other.facts.name} must be apart from it`);
    for (const term of rules.together) refuse(!this.#hasCompany(pod, facts, term), `no ${term.app} near it`);
    for (const rule of rules.spread) found.push(...this.#skewed(pod, facts, rule));
    return found;
  }

  /** Whether a pod is in the node's domain, and the scheduler has to know. */
  #isNear(pod: PodRecord, node: NodeFacts, { key }: Term): boolean {
    const home = this.#nodes.get(pod.facts.node!);
    return home !== undefined && this.#isCertain(home) && home.facts.labels[key] === node.labels[key];
  }

  /** A node that came or went just now may have counted or not. */
  #isCertain(node: NodeRecord): boolean {
    return node.goneSinceMs === undefined && this.#isOld(node.sinceMs);
  }

  /** Nodes of the app's pods that are bound soon after: the scheduler may have placed them before. */
  #coming(app: string): NodeFacts[] {
    const pods = new Map<string, NodeFacts>();
    for (const happening of this.#ahead) {
      if (!("pod" in happening)) continue;
      const { uid, node, rules } = happening.pod;
      const home = node === undefined ? undefined : this.#nodes.get(node);
      if (rules.app === app && home !== undefined && !this.#pods.has(uid)) pods.set(uid, home.facts);
    }
    return [...pods.values()];
  }

  /** Affinity: a pod of the app in the domain, or none anywhere and it is of the app itself. Those that went just now count both ways. */
  #hasCompany(pod: PodFacts, node: NodeFacts, { key, app }: Term): boolean {
    const isComing = this.#coming(app).some((home) => home.labels[key] === node.labels[key]);
    if (isComing) return true;
    const company = [...this.#pods.values()].filter(
      (one) => one.facts.rules.app === app && !this.#isOld(one.goneSinceMs),
    );
    const isThere = company.some(
      ({ facts }) => this.#nodes.get(facts.node!)?.facts.labels[key] === node.labels[key],
    );
    const living = company.filter(
      ({ facts, goneSinceMs }) => goneSinceMs === undefined && this.#isCertain(this.#nodes.get(facts.node!)!),
    );
    return isThere || (living.length === 0 && pod.rules.app === app);
  }

  /** Spread: the fewest that a domain can have had, against the most that the emptiest can have had. */
  #skewed(pod: PodFacts, node: NodeFacts, { key, app, maxSkew }: SpreadRule): string[] {
    const counts = new Map<string, { fewest: number; most: number }>();
    for (const home of this.#nodes.values()) {
      const { labels } = home.facts;
      const takesPart =
        labels[key] !== undefined && (pod.rules.zone ?? zoneOf(home.facts)) === zoneOf(home.facts);
      if (takesPart && this.#isCertain(home) && !counts.has(labels[key]!))
        counts.set(labels[key]!, { fewest: 0, most: 0 });
    }
    for (const { facts, boundMs, leavingSinceMs, goneSinceMs } of this.#pods.values()) {
      const home = this.#nodes.get(facts.node!);
      const count = counts.get(home?.facts.labels[key] ?? "");
      if (home === undefined || count === undefined || facts.rules.app !== app) continue;
      if (this.#isOld(leavingSinceMs) || this.#isOld(goneSinceMs) || this.#isOld(home.goneSinceMs)) continue;
      count.most++;
      const isStaying = leavingSinceMs === undefined && goneSinceMs === undefined && this.#isCertain(home);
      // One that was bound just before may have been placed after: bindings overtake one another.
      if (isStaying && this.#isOld(boundMs)) count.fewest++;
    }
    for (const home of this.#coming(app)) {
      const count = counts.get(home.labels[key] ?? "");
      if (count !== undefined) count.most++;
    }
    const own = counts.get(node.labels[key] ?? "")?.fewest ?? 0;
    const emptiest = Math.min(...[...counts.values()].map(({ most }) => most));
    const skew = own + (pod.rules.app === app ? 1 : 0) - emptiest;
    const shown = [...counts]
      .map(([domain, { fewest, most }]) => `${domain}: ${fewest} to ${most}`)
      .join(", ");
    return skew > maxSkew
      ? [`${app} is skewed by ${skew}, more than ${maxSkew}, over ${key} (${shown})`]
      : [];
  }
}

function zoneOf({ labels }: NodeFacts): string | undefined {
  return labels["topology.kubernetes.io/zone"] ?? labels[HOSTNAME];
}
