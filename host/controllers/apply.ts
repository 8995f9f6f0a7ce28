import type { Kind } from "../api/kind.ts";
import type { Clock } from "../apimachinery/clock.ts";
import { ApiError, isReason } from "../apimachinery/errors.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { KubernetesObject, ObjectKey, ObjectReference } from "../apimachinery/object.ts";
import type { Client } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { Change, Failure, Outcomes } from "./change.ts";
import type { Ledger } from "./ledger.ts";

export interface Applied {
  readonly wrote: boolean;
  /** What ended the pass early. */
  readonly failure?: Failure;
  /** The soonest time to look again, if one was asked for. */
  readonly againMs?: number;
  /** Something expected is not there yet. */
  readonly retry?: string;
}

/** Carries changes out, one pass of one key after another. */
export class Applier {
  readonly #client: Client;
  readonly #recorder: EventRecorder;
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(parts: { client: Client; recorder: EventRecorder; ledger: Ledger; clock: Clock; log: Logger }) {
    this.#client = parts.client;
    this.#recorder = parts.recorder;
    this.#ledger = parts.ledger;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  async apply(key: ObjectKey, changes: readonly Change[]): Promise<Applied> {
    const pass = new Pass();
    await this.#all(key, changes, pass);
    return pass;
  }

  /** In order. After a failure only statuses are still written. */
  async #all(key: ObjectKey, changes: readonly Change[], pass: Pass): Promise<void> {
    for (const change of changes) {
      if (pass.failure !== undefined && change.do !== "status") continue;
      await this.#one(key, change, pass);
    }
  }

  async #one(key: ObjectKey, change: Change, pass: Pass): Promise<void> {
    switch (change.do) {
      case "create":
        return this.#write(key, change, pass, () => this.#client.create(change.kind, change.object));
      case "update":
        return this.#write(key, change, pass, () =>
          this.#client.update(change.kind, change.object, { subresource: change.subresource }),
        );
      case "patch":
        return this.#write(key, change, pass, () =>
          this.#client.patch(change.kind, referenceOf(change.object), change.patch, {
            subresource: change.subresource,
            ...(change.fieldManager === undefined ? {} : { fieldManager: change.fieldManager }),
          }),
        );
      case "delete":
        return this.#write(key, change, pass, () =>
          this.#client.delete(change.kind, referenceOf(change.object), change.options),
        );
      case "delete all":
        return this.#attempt(change, pass, async () => {
          await this.#client.deleteCollection(change.kind, { namespace: change.namespace }, BACKGROUND);
          pass.wrote = true;
        });
      case "status": {
        const object = change.object(pass.failure);
        if (object === undefined) return;
        const write = { do: "update", kind: change.kind, object, subresource: "status" } as const;
        return this.#one(key, write, pass);
      }
      case "note": {
        const { kind, object, type, reason, message } = change.note;
        return this.#recorder.event(kind, object, type, reason, message);
      }
      case "slow start":
        return this.#slowStart(key, change.changes, pass);
      case "together":
        await Promise.all(change.changes.map((one) => this.#one(key, one, pass)));
        return;
      case "again":
        pass.againMs = Math.min(pass.againMs ?? Number.POSITIVE_INFINITY, change.afterMs);
        return;
      case "retry":
        pass.retry ??= change.why;
        return;
      default:
        return change satisfies never;
    }
  }

  /** So that n creates that are all refused (by a quota, say) cost one call a pass, not n (controllers.md 1.4). */
  async #slowStart(key: ObjectKey, changes: readonly Change[], pass: Pass): Promise<void> {
    for (
      let start = 0, size = 1;
      start < changes.length && pass.failure === undefined;
      start += size, size *= 2
    ) {
      await Promise.all(changes.slice(start, start + size).map((change) => this.#one(key, change, pass)));
    }
  }

  async #write(
    key: ObjectKey,
    change: Change & Outcomes & { kind: Kind; object: KubernetesObject },
    pass: Pass,
    call: () => Promise<KubernetesObject | { status?: unknown }>,
  ): Promise<void> {
    return this.#attempt(change, pass, async () => {
      let answer: KubernetesObject;
      try {
        answer = (await call()) as KubernetesObject;
      } catch (error) {
        if (isTerminatingNamespace(error)) return;
        const instead = error instanceof ApiError ? change.failure?.(error) : undefined;
        if (instead === undefined) {
          if (error instanceof ApiError) await this.#all(key, change.refused?.(error) ?? [], pass);
          throw error;
        }
        return this.#all(key, instead, pass);
      }
      pass.wrote = true;
      const nowMs = this.#clock.nowMs();
      if (answer.kind === "Status") this.#ledger.removed(key, change.kind, change.object, nowMs);
      else this.#ledger.wrote(key, change.kind, answer, nowMs);
      this.#log.debug(change.do, {
        key,
        kind: change.kind.kind,
        name: answer.metadata?.name ?? change.object.metadata?.name,
        uid: answer.metadata?.uid ?? change.object.metadata?.uid,
        revision: answer.metadata?.resourceVersion,
      });
      const next = change.success?.(answer);
      if (next !== undefined) await this.#all(key, next, pass);
    });
  }

  /** Keeps the first failure: it is what the pass is repeated for. */
  async #attempt(change: Change, pass: Pass, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      pass.failure ??= { change, error: error instanceof Error ? error : new Error(String(error)) };
    }
  }
}

const BACKGROUND = { propagationPolicy: "Background" } as const;

class Pass implements Applied {
  wrote = false;
  failure: Failure | undefined;
  againMs: number | undefined;
  retry: string | undefined;
}

function referenceOf(object: KubernetesObject): ObjectReference {
  return { namespace: object.metadata?.namespace, name: object.metadata?.name ?? "" };
}

/** Creating in a namespace that is being emptied is neither an event nor worth another try (controllers.md 1.1). */
function isTerminatingNamespace(error: unknown): boolean {
  return (
    isReason(error, "Forbidden") &&
    error instanceof ApiError &&
    (error.status.details?.causes ?? []).some((cause) => cause.reason === "NamespaceTerminating")
  );
}
