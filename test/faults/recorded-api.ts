import { ConfigMap } from "../../host/api/core-kinds.ts";
import { ApiError } from "../../host/apimachinery/errors.ts";
import { readKubeconfig } from "../../host/cli/read-kubeconfig.ts";
import { createHttpClient, type HttpClient } from "../../host/client/http-client.ts";
import type { Answer, Ask, HistoryRecord, ToldEntry } from "./history.ts";

const NAMESPACE = "default";
/** Every cluster has this ConfigMap of its own. */
const FOREIGN = "kube-root-ca.crt";

interface Said {
  readonly metadata?: { readonly name?: string; readonly resourceVersion?: string };
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * An API server whose clients are listened to, as `RecordedStore` does with a store: the keys are the names of
 * ConfigMaps, the values what they say, the revisions their resourceVersions.
 */
export class RecordedApi {
  readonly #client: HttpClient;
  readonly #name: string;
  readonly #write: (record: HistoryRecord) => void;
  #count = 0;

  private constructor(client: HttpClient, name: string, write: (record: HistoryRecord) => void) {
    this.#client = client;
    this.#name = name;
    this.#write = write;
  }

  static async of(
    kubeconfig: string,
    name: string,
    write: (record: HistoryRecord) => void,
  ): Promise<RecordedApi> {
    return new RecordedApi(createHttpClient(await readKubeconfig(kubeconfig)), name, write);
  }

  /** @returns undefined when there is none */
  async get(name: string): Promise<ToldEntry | undefined> {
    const reference = { namespace: NAMESPACE, name };
    const found = await this.#record(
      { verb: "get", key: name },
      async () => {
        try {
          return entryOf(await this.#client.get(ConfigMap, reference));
        } catch (error) {
          if (error instanceof ApiError && error.code === 404) return null;
          throw error;
        }
      },
      (got) => ({ got }),
    );
    return found ?? undefined;
  }

  async list(): Promise<number> {
    const listed = await this.#record(
      { verb: "range", prefix: "" },
      async () => await this.#client.list(ConfigMap, { namespace: NAMESPACE }),
      ({ metadata, items }) => ({
        ranged: items.filter(isOurs).map(entryOf),
        revision: Number(metadata.resourceVersion),
        remaining: 0,
      }),
    );
    return Number(listed.metadata.resourceVersion);
  }

  create(name: string, value: string): Promise<unknown> {
    return this.#put("create", name, value, undefined);
  }

  update(name: string, value: string, expected: number): Promise<unknown> {
    return this.#put("update", name, value, expected);
  }

  /** Its answer does not say which revision it got, so it counts as not answered. */
  async delete(name: string, expected: number): Promise<void> {
    const preconditions = { resourceVersion: String(expected) };
    await this.#record(
      { verb: "write", operations: [{ type: "delete", key: name, expected }] },
      () => this.#client.delete(ConfigMap, { namespace: NAMESPACE, name }, { preconditions }),
      () => ({ failed: "deleted", isDefinite: false }),
    );
  }

  /** @returns how to end it */
  watch(after: number, told: (revision: number) => void, ended: (error?: Error) => void): () => void {
    this.#count += 1;
    const id = `${this.#name}.w${this.#count}`;
    this.#write({ at: "watch", id, prefix: "", after });
    const options = { namespace: NAMESPACE, resourceVersion: String(after), bookmarks: true };
    const stream = this.#client.watch(ConfigMap, options, {
      onEvent: (type, object) => {
        const revision = Number(object.metadata?.resourceVersion);
        told(revision);
        if (type === "BOOKMARK") this.#write({ at: "progress", id, revision });
        else if (isOurs(object)) {
          const entry = type === "DELETED" ? null : entryOf(object);
          this.#write({ at: "events", id, events: [{ revision, key: object.metadata?.name ?? "", entry }] });
        }
      },
      onEnd: (error) => {
        this.#write({ at: "over", id });
        ended(error);
      },
    });
    return () => {
      stream.cancel();
      this.#write({ at: "over", id });
    };
  }

  close(): void {
    this.#client.close();
  }

  #put(type: "create" | "update", name: string, value: string, expected: number | undefined) {
    const metadata = {
      namespace: NAMESPACE,
      name,
      ...(expected === undefined ? {} : { resourceVersion: String(expected) }),
    };
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { said: value } };
    return this.#record(
      {
        verb: "write",
        operations: [{ type, key: name, value, ...(expected === undefined ? {} : { expected }) }],
      },
      () => this.#client[type](ConfigMap, object),
      (written) => {
        const entry = entryOf(written);
        return { wrote: entry.modified, told: [{ key: name, revision: entry.modified, entry }] };
      },
    );
  }

  async #record<Result>(
    ask: Ask,
    action: () => Promise<Result>,
    answerOf: (result: Result) => Answer,
  ): Promise<Result> {
    this.#count += 1;
    const id = `${this.#name}.a${this.#count}`;
    this.#write({ at: "ask", id, ask });
    try {
      const result = await action();
      this.#write({ at: "answer", id, answer: answerOf(result) });
      return result;
    } catch (error) {
      this.#write({ at: "answer", id, answer: { failed: String(error), isDefinite: isRefusal(error) } });
      throw error;
    }
  }
}

/** The server looked at it and said no. Anything else, a lost connection above all, leaves it open what happened. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && [404, 409, 410, 422, 429].includes(error.code);
}

function isOurs({ metadata }: Said): boolean {
  return metadata?.name !== FOREIGN;
}

function entryOf({ metadata, data }: Said): ToldEntry {
  const { name = "", resourceVersion } = metadata ?? {};
  // The API does not say by which revision an object was created.
  return { key: name, value: data?.["said"] ?? "", created: 0, modified: Number(resourceVersion) };
}
