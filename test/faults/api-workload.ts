import { ApiError } from "../../host/apimachinery/errors.ts";
import type { Random } from "../../host/apimachinery/random.ts";
import { isRefusal, type RecordedApi } from "./recorded-api.ts";

const NAMES = ["a", "b", "c", "d"];

/** Clients of several API servers on few objects, until it is over. Each has one server, and the next when it is gone. */
export async function runApiWorkload(
  servers: readonly RecordedApi[],
  random: Random,
  { clients, isOver }: { clients: number; isOver: () => boolean },
): Promise<void> {
  const client = async (index: number) => {
    const own = random.fork(`client${index}`);
    let server = index;
    for (let count = 0; !isOver(); count++) {
      try {
        await step(servers[server % servers.length]!, own, `${index}.${count}`);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (isRefusal(error)) continue;
        server += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
}

async function step(server: RecordedApi, random: Random, value: string): Promise<void> {
  const name = NAMES[random.below(NAMES.length)]!;
  const roll = random.below(10);
  if (roll === 0) {
    await server.list();
    return;
  }
  const found = await server.get(name);
  if (roll < 3) return;
  if (found === undefined) await server.create(name, value);
  else if (roll === 3) await server.delete(name, found.modified);
  else await server.update(name, value, found.modified);
}

/** Watches from one server, and goes on from where it was with the next when that is gone, as clients do. */
export class ApiFollower {
  readonly #servers: readonly RecordedApi[];
  #server: number;
  #position: number;
  #cancel: () => void = () => {};
  #isOver = false;
  /** How often it had to go on elsewhere. */
  resumed = 0;

  constructor(servers: readonly RecordedApi[], server: number, position: number) {
    this.#servers = servers;
    this.#server = server;
    this.#position = position;
    this.#watch();
  }

  get position(): number {
    return this.#position;
  }

  cancel(): void {
    this.#isOver = true;
    this.#cancel();
  }

  #watch(): void {
    this.#cancel = this.#servers[this.#server % this.#servers.length]!.watch(
      this.#position,
      (revision) => {
        this.#position = revision;
      },
      () => {
        if (this.#isOver) return;
        this.resumed += 1;
        this.#server += 1;
        setTimeout(() => {
          if (!this.#isOver) this.#watch();
        }, 50);
      },
    );
  }
}
