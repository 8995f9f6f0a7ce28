import { isIP } from "node:net";
import { addressNumber, addressText, familyOf } from "../../api/addresses.ts";
import { Service } from "../../api/core-kinds.ts";
import type { V1IPAddress, V1Service } from "../../api/generated/types.ts";
import { IPAddress } from "../../api/network-kinds.ts";
import type { Timer } from "../../apimachinery/clock.ts";
import { isReason } from "../../apimachinery/errors.ts";
import type { Store } from "../../store/store.ts";
import type { Api, WriteContext } from "../api.ts";
import { followPrefix } from "../storage/follow-prefix.ts";
import { storagePrefix } from "../storage/keys.ts";
import type { AnyObject } from "../storage/view.ts";
import { create } from "../verbs/create.ts";
import { remove } from "../verbs/delete.ts";

const MANAGED_BY = "ipaddress.kubernetes.io/managed-by";
const MANAGER = "ipallocator.k8s.io";
const FAMILY = "ipaddress.kubernetes.io/ip-family";
const RETRY_MS = 5_000;

/** Its ways to the store, and as whom it writes. */
interface Parts {
  readonly api: Api;
  readonly store: Store;
  readonly context: WriteContext;
}

/**
 * An IPAddress object for each cluster address that a Service has, for those who look: who holds what is decided by the
 * keys of `allocation-keys.ts`. One that somebody deletes is made again; one that somebody else made is left alone.
 * Source: service-tables 8.1 (the repair loop of kube-apiserver).
 *
 * @returns what ends it
 */
export async function publishAddresses(parts: Parts): Promise<{ stop(): void }> {
  const publisher = new AddressPublisher(parts);
  return await publisher.start();
}

class AddressPublisher {
  /** Keys of Services in the store, and the addresses of each. */
  readonly #services = new Map<string, readonly string[]>();
  /** Address -> `namespace/name` of its Service. */
  readonly #wanted = new Map<string, string>();
  readonly #present = new Map<string, { readonly parent: string; readonly isOurs: boolean }>();
  /** Addresses to look at: at most those of all Services and objects. */
  readonly #dirty = new Set<string>();
  /** Those that could not be written, until they are tried again. */
  readonly #failed = new Set<string>();
  #isWorking = false;
  #retry: Timer | undefined;
  #isStopped = false;

  constructor(private readonly parts: Parts) {}

  async start(): Promise<{ stop(): void }> {
    const objects = await this.#follow(storagePrefix(IPAddress), (key, object) =>
      this.#noteObject(key, object),
    );
    const services = await this.#follow(storagePrefix(Service), (key, object) =>
      this.#noteService(key, object),
    );
    return {
      stop: () => {
        this.#isStopped = true;
        this.#retry?.cancel();
        services.stop();
        objects.stop();
      },
    };
  }

  /** Tells of each object below a prefix, and of one that is gone as undefined. */
  async #follow(
    prefix: string,
    note: (key: string, object: AnyObject | undefined) => void,
  ): Promise<{ stop(): void }> {
    const { store, api } = this.parts;
    const known = new Set<string>();
    const tell = (key: string, object: AnyObject | undefined) => {
      if (object === undefined) known.delete(key);
      else known.add(key);
      note(key.slice(prefix.length), object);
    };
    return await followPrefix(store, prefix, {
      replace: (entries) => {
        const there = new Set(entries.map(({ key }) => key));
        for (const key of [...known]) if (!there.has(key)) tell(key, undefined);
        for (const entry of entries) tell(entry.key, api.objects.views.of(entry).object);
        this.#work();
      },
      change: (events) => {
        for (const { key, entry } of events) tell(key, entry && api.objects.views.of(entry).object);
        this.#work();
      },
      failed: (error) => api.log.warn("addresses of Services not followed", { error: String(error) }),
    });
  }

  #noteObject(name: string, object: AnyObject | undefined): void {
    const { metadata, spec } = (object ?? {}) as Partial<V1IPAddress>;
    const { namespace, name: parent } = spec?.parentRef ?? {};
    if (object === undefined) this.#present.delete(name);
    else
      this.#present.set(name, {
        parent: `${namespace}/${parent}`,
        isOurs: metadata?.labels?.[MANAGED_BY] === MANAGER,
      });
    this.#dirty.add(name);
  }

  #noteService(key: string, object: AnyObject | undefined): void {
    const next = object === undefined ? [] : addressesOf(object as V1Service);
    const before = this.#services.get(key) ?? [];
    if (next.join() === before.join()) return;
    for (const address of before) {
      if (this.#wanted.get(address) === key) this.#wanted.delete(address);
      this.#dirty.add(address);
    }
    for (const address of next) {
      this.#wanted.set(address, key);
      this.#dirty.add(address);
    }
    if (next.length > 0) this.#services.set(key, next);
    else this.#services.delete(key);
  }

  #work(): void {
    if (this.#isWorking || this.#isStopped) return;
    this.#isWorking = true;
    // What goes wrong is said below.
    void this.#putRight().finally(() => {
      this.#isWorking = false;
    });
  }

  /** What cannot be written, e.g. for an admission policy, is tried again later, and does not keep the others. */
  async #putRight(): Promise<void> {
    const { clock, log } = this.parts.api;
    while (this.#dirty.size > 0 && !this.#isStopped) {
      const [address = ""] = this.#dirty;
      this.#dirty.delete(address);
      try {
        await this.#sync(address);
      } catch (error) {
        log.warn("IPAddress not written", { address, error: String(error) });
        this.#failed.add(address);
      }
    }
    if (this.#failed.size === 0 || this.#isStopped) return;
    this.#retry ??= clock.setTimeout(() => {
      this.#retry = undefined;
      for (const address of this.#failed) this.#dirty.add(address);
      this.#failed.clear();
      this.#work();
    }, RETRY_MS);
  }

  /** One write at most: its event brings the address up again. */
  async #sync(address: string): Promise<void> {
    const { api, context } = this.parts;
    const wanted = this.#wanted.get(address);
    const present = this.#present.get(address);
    try {
      if (present === undefined) {
        if (wanted === undefined) return;
        await create(
          api,
          IPAddress,
          undefined,
          { value: objectFor(address, wanted), strictErrors: [] },
          context,
        );
      } else if (present.isOurs && present.parent !== wanted) {
        await remove(api, { kind: IPAddress, name: address }, {}, context);
      }
    } catch (error) {
      // Another API server, or whoever deletes it, was faster.
      if (!isReason(error, "AlreadyExists") && !isReason(error, "NotFound")) throw error;
    }
  }
}

function objectFor(address: string, parent: string): V1IPAddress {
  const [namespace = "", name = ""] = parent.split("/");
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "IPAddress",
    metadata: { name: address, labels: { [FAMILY]: familyOf(address), [MANAGED_BY]: MANAGER } },
    spec: { parentRef: { group: "", resource: "services", namespace, name } },
  };
}

/** As Go writes them. */
function addressesOf({ spec }: V1Service): string[] {
  if (spec?.type === "ExternalName") return [];
  const all = new Set([spec?.clusterIP ?? "", ...(spec?.clusterIPs ?? [])]);
  return [...all]
    .filter((address) => isIP(address) !== 0)
    .map((address) => addressText(addressNumber(address), familyOf(address)));
}
