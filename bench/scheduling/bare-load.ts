import { type Connection, connect } from "../apiserver/wire.ts";
import { postingPod } from "./api-objects.ts";
import { askAll, observe, type Seen } from "./ask-all.ts";
import { connectionsFor, IN_FLIGHT, type Load, type LoadOptions } from "./cluster-load.ts";
import { SHAPES } from "./shapes.ts";

/** Before anything is counted: by then the code that answers has been compiled. */
const WARM_UP = 3_000;

/** The measured pods of a shape, posted to the bare server of bench/peers, which keeps them and does nothing else. */
export class BareLoad implements Load {
  readonly #connections: readonly Connection[];
  readonly #pods: number;
  readonly #posting: (index: number) => ReturnType<typeof postingPod>;

  static async open(options: LoadOptions): Promise<BareLoad> {
    const { access, protocol } = options;
    const opening = Array.from({ length: connectionsFor(protocol) }, () => connect(protocol, access));
    return new BareLoad(options, await Promise.all(opening));
  }

  constructor({ shape: name, pods }: LoadOptions, connections: readonly Connection[]) {
    const shape = SHAPES.find((one) => one.name === name)!;
    this.#connections = connections;
    this.#pods = pods;
    this.#posting = (index) => ({ ...postingPod(shape.pod(index)), path: "/objects" });
  }

  async prepare(): Promise<void> {
    const requests = Array.from({ length: WARM_UP }, (_, i) => this.#posting(i % this.#pods));
    await askAll(this.#connections, requests, IN_FLIGHT);
  }

  measure(): Promise<Seen> {
    return this.#measure(IN_FLIGHT);
  }

  measureOneByOne(): Promise<Seen> {
    return this.#measure(1);
  }

  async audit(): Promise<number> {
    return 0;
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #measure(inFlight: number): Promise<Seen> {
    const requests = Array.from({ length: this.#pods }, (_, i) => this.#posting(i));
    return observe(
      () => askAll(this.#connections, requests, inFlight),
      ({ answeredMs }) => answeredMs,
    );
  }
}
