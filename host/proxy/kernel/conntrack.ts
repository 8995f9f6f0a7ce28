import type { Clock } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/log.ts";
import { type Family, parseAddress } from "../address.ts";
import type { ProxyMetrics } from "../proxy-metrics.ts";
import type { UdpFlow } from "../udp-flows.ts";
import type { RunTool } from "./tool.ts";

/** Deletions that run at once. */
const PARALLEL = 8;

interface Entry extends UdpFlow {
  readonly source: string;
  readonly sourcePort: number;
}

/** The kernel's table of connections, by the `conntrack` program. */
export class Conntrack {
  readonly #run: RunTool;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: ProxyMetrics;
  #isMissing = false;

  constructor(run: RunTool, clock: Clock, log: Logger, metrics: ProxyMetrics) {
    this.#run = run;
    this.#clock = clock;
    this.#log = log;
    this.#metrics = metrics;
  }

  /**
   * Deletes UDP entries, so that the next packet of such a client is decided anew. What fails is logged: the rules are
   * written by now, and a stale entry ends by itself when its client is silent.
   */
  async forget(family: Family, isStale: (flow: UdpFlow) => boolean): Promise<void> {
    if (this.#isMissing) return;
    const startMs = this.#clock.monotonicMs();
    const listed = await this.#run("conntrack", ["-L", "-f", family, "-p", "udp"]);
    if (listed.code !== 0) {
      this.#isMissing = listed.code === -1;
      this.#log.warn("UDP clients may stay at endpoints that are gone: conntrack does not work", {
        error: listed.stderr.trim().split("\n")[0],
      });
      return;
    }
    const stale = parseConntrack(listed.stdout).filter(isStale);
    const waiting = [...stale];
    const work = async () => {
      for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop())
        await this.#run("conntrack", ["-D", "-f", family, "-p", "udp", ...keyOf(entry)]);
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL, stale.length) }, work));
    this.#metrics.conntrackReconciled(family, startMs, stale.length);
  }
}

function keyOf({ source, sourcePort, destination, destinationPort }: Entry): string[] {
  return ["-s", source, "-d", destination, "--sport", `${sourcePort}`, "--dport", `${destinationPort}`];
}

/** `udp 17 28 src=A dst=B sport=1 dport=2 [UNREPLIED] src=C dst=D sport=3 dport=4 mark=0 use=1`: the way there, then back. */
export function parseConntrack(text: string): Entry[] {
  return text.split("\n").flatMap((line) => {
    const values = (name: string) =>
      [...line.matchAll(new RegExp(` ${name}=(\\S+)`, "g"))].map(([, value]) => value!);
    const [source, replySource] = values("src");
    const [destination] = values("dst");
    const [sourcePort, replyPort] = values("sport");
    const [destinationPort] = values("dport");
    if (!line.startsWith("udp") || !source || !destination || !replySource || !replyPort) return [];
    return [
      {
        source,
        sourcePort: Number(sourcePort),
        destination: canonical(destination),
        destinationPort: Number(destinationPort),
        replySource: canonical(replySource),
        replyPort: Number(replyPort),
      },
    ];
  });
}

/** As the rules say it: the tool writes IPv6 addresses in its own way. */
function canonical(text: string): string {
  return parseAddress(text)?.text ?? text;
}
