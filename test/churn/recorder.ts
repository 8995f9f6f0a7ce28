import type { V1Node, V1Pod } from "../../host/api/generated/types.ts";
import type { Kind } from "../../host/api/kind.ts";
import { Node, Pod } from "../../host/api/registry.ts";
import type { Clock } from "../../host/apimachinery/clock.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import type { Client, WatchStream } from "../../host/client/client.ts";
import type { Happening } from "./auditor.ts";
import { nodeFacts, type PodRules, podFacts } from "./facts.ts";

/** How long after it was seen a happening is in its place: by then both watches have told what came before it. */
const SETTLED_AFTER_MS = 5_000;
const WATCH_AGAIN_MS = 200;

/** Watches nodes and pods, and gives what happened to both in the one order of the store's revisions. */
export class Recorder {
  readonly #clock: Clock;
  readonly #client: Client;
  readonly #rules = new Map<string, PodRules>();
  readonly #streams = new Map<string, WatchStream>();
  #seen: Happening[] = [];
  #isStopped = false;

  constructor(clock: Clock, client: Client) {
    this.#clock = clock;
    this.#client = client;
    this.#follow<V1Node>(Node, "0", (node) => ({ node: nodeFacts(node) }));
    this.#follow<V1Pod>(Pod, "0", (pod) => {
      const uid = pod.metadata!.uid!;
      const facts = podFacts(pod, this.#rules.get(uid));
      this.#rules.set(uid, facts.rules);
      return { pod: facts };
    });
  }

  /** What has settled since it was last asked. */
  settled(afterMs = SETTLED_AFTER_MS): Happening[] {
    const untilMs = this.#clock.nowMs() - afterMs;
    this.#seen.sort((a, b) => a.revision - b.revision);
    const end = this.#seen.findIndex(({ atMs }) => atMs > untilMs);
    const settled = end === -1 ? this.#seen : this.#seen.slice(0, end);
    this.#seen = end === -1 ? [] : this.#seen.slice(end);
    for (const one of settled) if ("pod" in one && one.isGone) this.#rules.delete(one.pod.uid);
    return settled;
  }

  stop(): void {
    this.#isStopped = true;
    for (const stream of this.#streams.values()) stream.cancel();
  }

  #follow<T extends KubernetesObject>(
    kind: Kind<T>,
    from: string,
    facts: (object: T) => { node: ReturnType<typeof nodeFacts> } | { pod: ReturnType<typeof podFacts> },
  ): void {
    if (this.#isStopped) return;
    let last = from;
    const stream = this.#client.watch<T>(
      kind,
      { resourceVersion: from },
      {
        onEvent: (type, object) => {
          if (type === "BOOKMARK") return;
          last = object.metadata!.resourceVersion!;
          const happened = { revision: Number(last), atMs: this.#clock.nowMs(), isGone: type === "DELETED" };
          this.#seen.push({ ...happened, ...facts(object) });
        },
        // The server ends watches in the ordinary way, too: it goes on where it was.
        onEnd: () => this.#clock.setTimeout(() => this.#follow(kind, last, facts), WATCH_AGAIN_MS),
      },
    );
    this.#streams.set(kind.kind, stream);
  }
}
