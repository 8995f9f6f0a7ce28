import { type Access, type Connection, connect } from "../apiserver/wire.ts";

const LOOK_EVERY_MS = 200;

/**
 * Counts bindings as a client sees them: a watch on all pods that have a node. A name counts once, at its first event that
 * shows `spec.nodeName`. Names of pods are unique in a run.
 */
export class Bindings {
  /** `measured-7` -> when its binding was seen, by performance.now(). */
  readonly seenMs = new Map<string, number>();
  readonly #connection: Connection;
  readonly #stallMs: number;
  #awaited = new Set<string>();
  #done: (() => void) | undefined;
  #lastMs = performance.now();
  #rest = "";

  /** @param stallMs  after so long without a binding, whoever waits is told that it failed */
  static async open(access: Access, stallMs: number): Promise<Bindings> {
    // HTTP/2: its frames are taken away before the lines are read.
    return new Bindings(await connect("h2", access), stallMs);
  }

  constructor(connection: Connection, stallMs: number) {
    this.#connection = connection;
    this.#stallMs = stallMs;
    const selector = encodeURIComponent("spec.nodeName!=");
    connection.follow(`/api/v1/pods?watch=1&fieldSelector=${selector}`, (chunk) =>
      this.take(chunk.toString("latin1")),
    );
  }

  /** Resolves once all these pods have been seen bound; rejects when bindings stop coming before. */
  async all(names: Iterable<string>): Promise<void> {
    this.#awaited = new Set([...names].filter((name) => !this.seenMs.has(name)));
    const wanted = this.#awaited.size;
    if (wanted === 0) return;
    this.#lastMs = performance.now();
    await new Promise<void>((resolve, reject) => {
      const looking = setInterval(() => {
        if (performance.now() - this.#lastMs < this.#stallMs) return;
        clearInterval(looking);
        const [first] = this.#awaited;
        const missing = `${this.#awaited.size} of ${wanted} pods were not bound, ${first} among them`;
        reject(new Error(`${missing}: no binding in ${this.#stallMs} ms`));
      }, LOOK_EVERY_MS);
      this.#done = () => {
        clearInterval(looking);
        resolve();
      };
    });
  }

  /** Text of the watch, in pieces of any size. */
  take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    const nowMs = performance.now();
    for (const line of lines) {
      const name = boundPod(line);
      if (name === undefined || this.seenMs.has(name)) continue;
      this.seenMs.set(name, nowMs);
      this.#lastMs = nowMs;
      if (this.#awaited.delete(name) && this.#awaited.size === 0) this.#done?.();
    }
  }

  close(): void {
    this.#connection.close();
  }
}

/** The pod's name, if the line of a watch shows that it has a node. Reading whole objects would fill this process. */
function boundPod(line: string): string | undefined {
  if (line.startsWith('{"type":"DELETED"') || !/"nodeName":"[^"]/.test(line)) return undefined;
  return /"metadata":\{[^{}]*?"name":"([^"]+)"/.exec(line)?.[1];
}
