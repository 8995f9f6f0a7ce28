import { type ConvertObjects, customKinds, servesTheSame } from "../../api/custom-resources/kinds.ts";
import { CustomResourceDefinition } from "../../api/extension-kinds.ts";
import type { V1CustomResourceDefinition } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { formatTime, type Timer } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { isReason } from "../../apimachinery/errors.ts";
import { allOf, oneOf } from "../admission/look-up.ts";
import type { Api } from "../api.ts";
import { select } from "../selection.ts";
import { followPrefix } from "../storage/follow-prefix.ts";
import { storagePrefix } from "../storage/keys.ts";
import type { UpdateStep } from "../storage/objects.ts";
import type { AnyObject } from "../storage/view.ts";
import { removeCollection } from "../verbs/delete-collection.ts";
import { convertByWebhook } from "./convert-by-webhook.ts";
import { acceptNames, conditionOf, withCondition } from "./naming.ts";

const KIND = CustomResourceDefinition as unknown as Kind;
/** What a DELETE puts on a definition; gone once its instances are. */
const CLEANUP_FINALIZER = KIND.deletionFinalizer!;

/** How long until a definition whose instances are not all gone is looked at again. */
const CLEANUP_RETRY_MS = 1_000;

/**
 * Follows the CustomResourceDefinitions: gives them their names, serves their kinds, and clears up when they go.
 *
 *   created ─► names accepted ─► Established: served ─► deleted: instances removed ─► finalizer gone: not served
 *
 * Definitions are taken one at a time, in the order of their events. Several API servers may do so side by side: each serves
 * what is stored, and a write that came second is seen and done again.
 */
export class Definitions {
  readonly #api: Api;
  #following: { stop(): void } | undefined;
  #work: Promise<void> = Promise.resolve();
  readonly #retries = new Map<string, Timer>();
  /** What the kinds of each definition were made of. */
  readonly #served = new Map<string, V1CustomResourceDefinition>();
  #isStopped = false;
  readonly #convert: ConvertObjects = ({ conversion }, objects, apiVersion) =>
    convertByWebhook(this.#api, conversion?.webhook, objects, apiVersion);

  constructor(api: Api) {
    this.#api = api;
  }

  /** Resolves when what is stored is served. */
  async start(): Promise<void> {
    const prefix = storagePrefix(KIND);
    const look = (changed: readonly { readonly key: string }[]) => {
      for (const { key } of changed) this.#look(key.slice(prefix.length));
    };
    this.#following = await followPrefix(this.#api.objects.store, prefix, {
      replace: look,
      change: look,
      failed: (error) => this.#complain("all", error),
    });
    if (this.#isStopped) this.#following.stop();
    await this.#work;
  }

  stop(): void {
    this.#isStopped = true;
    this.#following?.stop();
    for (const timer of this.#retries.values()) timer.cancel();
    this.#retries.clear();
  }

  #look(name: string): void {
    this.#work = this.#work
      .then(() => this.#settle(name))
      .catch((error: unknown) => this.#complain(name, error));
  }

  #complain(name: string, error: unknown): void {
    if (!this.#isStopped) this.#api.log.error("definition not settled", { name, error: String(error) });
  }

  async #settle(name: string): Promise<void> {
    if (this.#isStopped) return;
    const definition = await oneOf(this.#api, CustomResourceDefinition, name);
    if (definition === undefined) {
      this.#api.kinds.serve(name, []);
      this.#served.delete(name);
      return this.#lookAtLosers(name);
    }
    if (definition.metadata?.deletionTimestamp !== undefined) return this.#cleanUp(name, definition);
    const established = await this.#nameIt(name, definition);
    const isServed = conditionOf(established, "Established")?.status === "True";
    this.#serve(name, isServed ? established : undefined);
  }

  /** Kinds stay the same objects as long as nothing they are made of changes: watches of another kind are ended. */
  #serve(name: string, definition: V1CustomResourceDefinition | undefined): void {
    const before = this.#served.get(name);
    if (definition !== undefined && before !== undefined && servesTheSame(before, definition)) return;
    if (definition === undefined) this.#served.delete(name);
    else this.#served.set(name, definition);
    this.#api.kinds.serve(name, definition === undefined ? [] : customKinds(definition, this.#convert));
  }

  /** A name is free again: who was refused it in the group gets another look. */
  async #lookAtLosers(name: string): Promise<void> {
    const group = name.slice(name.indexOf(".") + 1);
    for (const other of await allOf(this.#api, CustomResourceDefinition)) {
      const hasLost = conditionOf(other, "NamesAccepted")?.status === "False";
      if (other.spec.group === group && hasLost) this.#look(other.metadata?.name ?? "");
    }
  }

  /** Accepts names, says so in the status, and answers the definition as it then is. */
  async #nameIt(name: string, definition: V1CustomResourceDefinition): Promise<V1CustomResourceDefinition> {
    const others = (await allOf(this.#api, CustomResourceDefinition)).filter(
      ({ metadata, spec }) => metadata?.name !== name && spec.group === definition.spec.group,
    );
    const { accepted, conditions } = acceptNames(definition, others, this.#now());
    const { status } = definition;
    if (deepEqual(status?.acceptedNames, accepted) && deepEqual(status?.conditions, conditions))
      return definition;
    return this.#writeStatus(name, (current) => ({ ...current.status, conditions, acceptedNames: accepted }));
  }

  async #cleanUp(name: string, definition: V1CustomResourceDefinition): Promise<void> {
    if (!definition.metadata?.finalizers?.includes(CLEANUP_FINALIZER)) return;
    const progress = {
      type: "Terminating",
      status: "True",
      reason: "InstanceDeletionInProgress",
      message: "CustomResource deletion is in progress",
    };
    const marked = await this.#writeStatus(name, (current) => ({
      ...current.status,
      conditions: withCondition(current.status?.conditions ?? [], progress, this.#now()),
    }));
    // Nobody converts what is removed: a webhook that is gone must not keep its definition.
    const kinds = customKinds(marked);
    this.#served.delete(name);
    this.#api.kinds.serve(
      name,
      kinds.map((one) => ({ ...one, terminating: true })),
    );
    const [kind] = kinds.map((one) => one.stored?.kind ?? one);
    const left = kind === undefined ? 0 : await this.#removeInstances(kind);
    if (left > 0) return this.#retry(name);
    await this.#update(name, (current) => {
      const finalizers = (current.metadata?.finalizers ?? []).filter((one) => one !== CLEANUP_FINALIZER);
      const object = { ...current, metadata: { ...current.metadata, finalizers } } as AnyObject;
      return finalizers.length === 0 ? { kind: "remove", object } : { kind: "put", object };
    });
  }

  /** @returns how many are still there: those that hold on to a finalizer */
  async #removeInstances(kind: Kind): Promise<number> {
    const context = {
      user: { name: "system:apiserver", groups: ["system:masters"] },
      dryRun: false,
      fieldValidation: "Ignore",
      warn: () => {},
      isInternal: true,
    } as const;
    await removeCollection(this.#api, select(kind, undefined, {}), {}, {}, context);
    return (await this.#api.objects.store.range(storagePrefix(kind), { limit: 1 })).entries.length;
  }

  #retry(name: string): void {
    this.#retries.get(name)?.cancel();
    const again = () => {
      this.#retries.delete(name);
      this.#look(name);
    };
    this.#retries.set(name, this.#api.clock.setTimeout(again, CLEANUP_RETRY_MS));
  }

  async #writeStatus(
    name: string,
    status: (current: V1CustomResourceDefinition) => V1CustomResourceDefinition["status"],
  ): Promise<V1CustomResourceDefinition> {
    const view = await this.#update(name, (current) => {
      const object = { ...current, status: status(current) } as AnyObject;
      return { kind: "put", object };
    });
    return view as V1CustomResourceDefinition;
  }

  async #update(
    name: string,
    change: (current: V1CustomResourceDefinition) => UpdateStep,
  ): Promise<V1CustomResourceDefinition | undefined> {
    try {
      const outcome = await this.#api.objects.update(KIND, { name }, async ({ object }) =>
        change(object as unknown as V1CustomResourceDefinition),
      );
      return outcome.view.object as unknown as V1CustomResourceDefinition;
    } catch (error) {
      // Gone meanwhile: its event is on the way.
      if (isReason(error, "NotFound")) return undefined;
      throw error;
    }
  }

  #now(): string {
    return formatTime(this.#api.clock.nowMs());
  }
}
