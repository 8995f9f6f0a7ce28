import { createHash } from "node:crypto";
import type { V1SubjectAccessReview, V1TokenReview } from "../api/generated/types.ts";
import { SubjectAccessReview, TokenReview } from "../api/registry.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Client } from "./client.ts";

/** Who asks. */
export interface RequestUser {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const ANONYMOUS: RequestUser = { name: "system:anonymous", groups: ["system:unauthenticated"] };

/** Answers are believed for this long, as kube-scheduler does unless told otherwise. */
const BELIEVED_MS = 10_000;
/** Of each kind of answer. At the bound all are forgotten and asked for again. */
const MAX_ANSWERS = 1_000;

/**
 * Lets an API server say who asks a component and what they may: TokenReview and SubjectAccessReview, as Kubernetes'
 * components do (delegated authentication and authorization). What it does not answer is not allowed.
 */
export class DelegatedAccess {
  readonly #client: Client;
  readonly #users: Answers<RequestUser | undefined>;
  readonly #rights: Answers<boolean>;

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#users = new Answers(clock);
    this.#rights = new Answers(clock);
  }

  /** Whose bearer token this is; undefined: nobody's. @throws ApiError when the API server does not answer */
  userOf(token: string): Promise<RequestUser | undefined> {
    // Tokens themselves are not kept.
    const key = createHash("sha256").update(token).digest("base64");
    return this.#users.find(key, async () => {
      const review = await this.#client.create<V1TokenReview>(TokenReview, { spec: { token } });
      const { authenticated, user } = review.status ?? {};
      if (!authenticated || !user?.username) return undefined;
      const { username: name, uid, groups = [], extra } = user;
      return {
        name,
        groups,
        ...(uid === undefined ? {} : { uid }),
        ...(extra === undefined ? {} : { extra }),
      };
    });
  }

  /** Whether somebody may do this to a path that is no resource. @throws ApiError as above */
  mayAccess({ name, uid, groups, extra }: RequestUser, verb: string, path: string): Promise<boolean> {
    return this.#rights.find(JSON.stringify([name, uid, groups, extra, verb, path]), async () => {
      const spec = {
        user: name,
        uid,
        groups: [...groups],
        ...(extra === undefined
          ? {}
          : { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])) }),
        nonResourceAttributes: { verb, path },
      };
      const review = await this.#client.create<V1SubjectAccessReview>(SubjectAccessReview, { spec });
      return review.status?.allowed === true;
    });
  }
}

/** Answers that are still believed, and questions under way: who asks the same meanwhile waits for the same answer. */
class Answers<Answer> {
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly answer: Promise<Answer>; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(key: string, ask: () => Promise<Answer>): Promise<Answer> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#known.get(key);
    if (known !== undefined && known.untilMs > nowMs) return known.answer;
    if (this.#known.size >= MAX_ANSWERS) this.#known.clear();
    const answer = ask();
    this.#known.set(key, { answer, untilMs: nowMs + BELIEVED_MS });
    // A failure is no answer. Whoever asked has it.
    answer.catch(() => this.#known.delete(key));
    return answer;
  }
}
