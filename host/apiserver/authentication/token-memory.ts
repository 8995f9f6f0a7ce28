import type { Kind } from "../../api/kind.ts";
import { Node, Pod, Secret, ServiceAccount } from "../../api/registry.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Store, WatchHandle } from "../../store/store.ts";
import { storagePrefix } from "../storage/keys.ts";
import { type TokenAuthenticator, type TokenUser, tokenDigest } from "./token-authenticator.ts";

const REMEMBERED_MS = 10_000;
const MAX_REMEMBERED = 10_000;

/** What tokens may stand on. */
const FOUNDATIONS = [ServiceAccount, Secret, Pod, Node].map((kind) => storagePrefix(kind as unknown as Kind));
const SECRETS = storagePrefix(Secret as unknown as Kind);

interface Remembered {
  readonly outcome: TokenUser;
  readonly untilMs: number;
}

/**
 * Remembers valid tokens for 10 s, as Kubernetes does, by their digest: the token itself is not kept. Invalid ones are
 * not remembered. When full, the oldest goes.
 *
 * Beyond Kubernetes, a token is forgotten with its account or with what it is bound to, so it ends at once. The store is
 * watched for that from the first token on: a cluster without tokens does not pay for it.
 */
export class TokenMemory {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #remembered = new Map<string, Remembered>();
  /** Store key -> digests of the tokens that stand on it. */
  readonly #standing = new Map<string, Set<string>>();
  #handles: WatchHandle[] | undefined;
  /** Counts the changes that tokens may have to be forgotten for. */
  #changes = 0;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** In front of another authenticator. */
  before(authenticate: TokenAuthenticator): TokenAuthenticator {
    return async (token, audiences) => {
      this.#handles ??= this.#watch();
      const digest = tokenDigest(audiences === undefined ? token : JSON.stringify([token, audiences]));
      const known = this.#remembered.get(digest);
      if (known !== undefined && known.untilMs > this.#clock.nowMs()) return known.outcome;
      this.#forget(digest);
      const changes = this.#changes;
      const outcome = await authenticate(token, audiences);
      // What it stands on may have gone while it was looked at.
      if (outcome !== undefined && "user" in outcome && changes === this.#changes)
        this.#remember(digest, outcome);
      return outcome;
    };
  }

  stop(): void {
    for (const handle of this.#handles ?? []) handle.cancel();
    this.#handles = undefined;
  }

  #remember(digest: string, outcome: TokenUser): void {
    if (this.#remembered.size >= MAX_REMEMBERED) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#forget(oldest);
    }
    this.#remembered.set(digest, { outcome, untilMs: this.#clock.nowMs() + REMEMBERED_MS });
    for (const key of outcome.standsOn ?? []) {
      const others = this.#standing.get(key);
      if (others === undefined) this.#standing.set(key, new Set([digest]));
      else others.add(digest);
    }
  }

  #forget(digest: string): void {
    const known = this.#remembered.get(digest);
    this.#remembered.delete(digest);
    for (const key of known?.outcome.standsOn ?? []) {
      const others = this.#standing.get(key);
      others?.delete(digest);
      if (others?.size === 0) this.#standing.delete(key);
    }
  }

  #watch(): WatchHandle[] {
    return FOUNDATIONS.map((prefix) =>
      this.#store.watch(prefix, this.#store.revision, {
        onEvents: (events) => {
          for (const { type, key } of events) {
            // A Secret also holds what a token must be.
            if (type !== "delete" && prefix !== SECRETS) continue;
            this.#changes++;
            for (const digest of this.#standing.get(key) ?? []) this.#forget(digest);
          }
        },
        onEnd: () => {
          this.#changes++;
          this.#remembered.clear();
          this.#standing.clear();
          this.#handles = undefined;
        },
      }),
    );
  }
}
