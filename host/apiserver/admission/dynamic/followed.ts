import type { Kind } from "../../../api/kind.ts";
import type { KubernetesObject } from "../../../apimachinery/object.ts";
import type { Api } from "../../api.ts";
import { follow } from "../../authorization/follow.ts";
import type { AnyObject } from "../../storage/view.ts";

/**
 * Every object of a kind as something made of it, by name. A write is known here before it is answered, so that a
 * configuration counts from the next request on; Kubernetes takes about a second.
 *
 * When the store ends the watch, what was learnt is dropped, and the next question waits until it is read anew: nothing
 * gets past a webhook because the store was away.
 */
export class Followed<T extends KubernetesObject, Made> {
  readonly #api: Pick<Api, "objects">;
  readonly #kind: Kind<T>;
  readonly #make: (object: T) => Made;
  readonly #made = new Map<string, Made>();
  #sorted: readonly Made[] | undefined;
  #filling: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #isFilled = false;

  constructor(api: Pick<Api, "objects">, kind: Kind<T>, make: (object: T) => Made) {
    this.#api = api;
    this.#kind = kind;
    this.#make = make;
  }

  /** By name; a promise only where it must be read first. */
  all(): readonly Made[] | Promise<readonly Made[]> {
    if (this.#isFilled) return this.#now();
    return this.fill().then(() => this.#now());
  }

  get isEmpty(): boolean {
    return this.#isFilled && this.#made.size === 0;
  }

  fill(): Promise<void> {
    this.#filling ??= this.#fill();
    return this.#filling;
  }

  stop(): void {
    this.#cancel?.();
  }

  #now(): readonly Made[] {
    this.#sorted ??= [...this.#made.keys()].sort().map((name) => this.#made.get(name)!);
    return this.#sorted;
  }

  async #fill(): Promise<void> {
    let hasEnded = false;
    try {
      const cancel = await follow(this.#api, this.#kind as unknown as Kind, {
        put: (object) => this.#put(object),
        remove: (object) => {
          this.#made.delete(nameOf(object));
          this.#sorted = undefined;
        },
        ended: () => {
          hasEnded = true;
          this.#forget();
        },
      });
      this.#cancel = cancel;
      this.#isFilled = !hasEnded;
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  #put(object: AnyObject): void {
    this.#made.set(nameOf(object), this.#make(object as KubernetesObject as T));
    this.#sorted = undefined;
  }

  #forget(): void {
    this.#isFilled = false;
    this.#filling = undefined;
    this.#made.clear();
    this.#sorted = undefined;
  }
}

function nameOf({ metadata }: AnyObject): string {
  return metadata?.name ?? "";
}
