import { CATCH_ALL, EXEMPT, MANDATORY_LEVELS, MANDATORY_SCHEMAS } from "../../api/flow-control/mandatory.ts";
import type * as t from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { FlowSchema, PriorityLevelConfiguration } from "../../api/registry.ts";
import type { Timer } from "../../apimachinery/clock.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { Api, User } from "../api.ts";
import type { Attributes } from "../authorization/attributes.ts";
import { follow } from "../authorization/follow.ts";
import { ensureFlowControlObjects, tellDangling } from "./flow-control-objects.ts";
import { bySchemaOrder, type Flows, ruleMatches, rulesFor } from "./flow-schema.ts";
import { type LevelLimits, PriorityLevel } from "./priority-level.ts";
import { SeatPool } from "./seat-pool.ts";

/** A request's schema and level. */
export interface Classified {
  readonly flows: Flows;
  readonly level: PriorityLevel;
}

/** What of the schemas speaks of one user, in order. */
interface Candidate extends Classified {
  readonly rules: readonly t.V1PolicyRulesWithSubjects[];
}

const REPAIR_DELAY_MS = 1000;

/**
 * FlowSchemas and PriorityLevelConfigurations as they are in the store: what requests are classified by. Keeps the mandatory
 * objects there, and tells each FlowSchema whether its level is (condition Dangling).
 */
export class FlowControl {
  readonly pool: SeatPool;
  readonly #schemas = new Map<string, t.V1FlowSchema>();
  readonly #specs = new Map<string, t.V1PriorityLevelConfiguration>();
  #levels = new Map<string, PriorityLevel>();
  #flows: (Flows & { readonly level: PriorityLevel })[] = [];
  /** Users live as long as their connection or their remembered token, and what is found out of them as long. */
  #candidates = new WeakMap<User, readonly Candidate[]>();
  readonly #handles: (() => void)[] = [];
  #repair: Timer | undefined;
  #stopped = false;

  /** @param seats  of all levels together, 1 or more */
  constructor(
    private readonly api: Api,
    private readonly seats: number,
  ) {
    this.pool = new SeatPool(api.clock);
  }

  async start(): Promise<void> {
    await ensureFlowControlObjects(this.api, "all");
    await this.#follow(PriorityLevelConfiguration, this.#specs, MANDATORY_LEVELS);
    await this.#follow(FlowSchema, this.#schemas, MANDATORY_SCHEMAS);
    this.#apply();
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#handles) cancel();
    this.#repair?.cancel();
  }

  /** The first schema that speaks of the request; the last of them, `catch-all`, speaks of all. */
  classify(user: User, attributes: Attributes): Classified {
    let candidates = this.#candidates.get(user);
    if (candidates === undefined) {
      candidates = this.#flows
        .map((flows) => ({ flows, level: flows.level, rules: rulesFor(user, flows) }))
        .filter(({ rules }) => rules.length > 0);
      this.#candidates.set(user, candidates);
    }
    for (const one of candidates) {
      for (const rule of one.rules) if (ruleMatches(rule, attributes)) return one;
    }
    return this.#fallback();
  }

  /** While the mandatory objects are being made again. */
  #fallback(): Classified {
    const level = this.#levels.get(CATCH_ALL) ?? this.#levels.get(EXEMPT);
    if (level === undefined) throw new Error("flow control has not been started");
    return { flows: { name: CATCH_ALL, uid: "", spec: MANDATORY_SCHEMAS[CATCH_ALL]! }, level };
  }

  async #follow<T extends KubernetesObject>(
    kind: Kind<T>,
    objects: Map<string, T>,
    mandatory: Readonly<Record<string, object>>,
  ): Promise<void> {
    const cancel = await follow(this.api, kind as unknown as Kind, {
      put: (object) => {
        objects.set(object.metadata?.name ?? "", object as KubernetesObject as T);
        this.#changed();
      },
      remove: ({ metadata }) => {
        const name = metadata?.name ?? "";
        objects.delete(name);
        if (name in mandatory) this.#repairSoon();
        this.#changed();
      },
      ended: () => this.api.log.debug("flow control stays as it is: the store has ended"),
    });
    this.#handles.push(cancel);
  }

  /** What comes together is looked at once. */
  #isChanged = false;
  #changed(): void {
    if (this.#isChanged || this.#levels.size === 0) return;
    this.#isChanged = true;
    queueMicrotask(() => {
      this.#isChanged = false;
      if (!this.#stopped) this.#apply();
    });
  }

  #apply(): void {
    const levels = new Map<string, PriorityLevel>();
    const limits = levelLimits([...this.#specs.values()], this.seats);
    for (const [name, its] of limits) {
      // One that has the same name goes on with what it has begun.
      const level = this.#levels.get(name) ?? new PriorityLevel(name, its, this.api.clock);
      level.limits = its;
      levels.set(name, level);
    }
    this.#levels = levels;
    this.pool.setLevels([...levels.values()]);
    this.#candidates = new WeakMap();
    this.#flows = [...this.#schemas.values()]
      .flatMap(({ metadata, spec }) => {
        const level = levels.get(spec?.priorityLevelConfiguration.name ?? "");
        if (spec === undefined || level === undefined) return [];
        return [{ name: metadata?.name ?? "", uid: metadata?.uid ?? "", spec, level }];
      })
      .sort(bySchemaOrder);
    for (const schema of this.#schemas.values()) {
      const isThere = levels.has(schema.spec?.priorityLevelConfiguration.name ?? "");
      tellDangling(this.api, schema, isThere).catch((error: unknown) => {
        if (!this.#stopped) this.api.log.warn("status of FlowSchema not written", { error: String(error) });
      });
    }
  }

  #repairSoon(): void {
    this.#repair ??= this.api.clock.setTimeout(() => {
      this.#repair = undefined;
      ensureFlowControlObjects(this.api, "mandatory").catch((error: unknown) => {
        this.api.log.warn("mandatory flow control objects not made", { error: String(error) });
        if (!this.#stopped) this.#repairSoon();
      });
    }, REPAIR_DELAY_MS);
  }
}

/** Shares in seats: each level gets its part of all, rounded up. */
export function levelLimits(
  objects: readonly t.V1PriorityLevelConfiguration[],
  seats: number,
): Map<string, LevelLimits> {
  const sharesOf = ({ spec }: t.V1PriorityLevelConfiguration) =>
    (spec?.limited ?? spec?.exempt)?.nominalConcurrencyShares ?? 0;
  const allShares = Math.max(
    1,
    objects.reduce((sum, one) => sum + sharesOf(one), 0),
  );
  return new Map(
    objects.map((object) => {
      const { metadata, spec } = object;
      const { limited } = spec ?? {};
      const { queuing } = limited?.limitResponse ?? {};
      const nominalSeats = Math.ceil((seats * sharesOf(object)) / allShares);
      const part = (percent: number) => Math.round((nominalSeats * percent) / 100);
      const borrowing = limited?.borrowingLimitPercent;
      const limits: LevelLimits = {
        uid: metadata?.uid ?? "",
        isExempt: spec?.type === "Exempt",
        nominalSeats,
        lendableSeats: part((limited ?? spec?.exempt)?.lendablePercent ?? 0),
        ...(borrowing === undefined ? {} : { borrowableSeats: part(borrowing) }),
        ...(queuing === undefined
          ? {}
          : {
              queuing: {
                queues: queuing.queues ?? 64,
                handSize: queuing.handSize ?? 8,
                queueLengthLimit: queuing.queueLengthLimit ?? 50,
              },
            }),
      };
      return [metadata?.name ?? "", limits];
    }),
  );
}
