import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { ChainWalker } from "../../host/proxy/chain-walker.ts";
import { buildServiceTable, type Change, type Packet } from "../../host/proxy/library.ts";
import { proxyOptions } from "../../host/proxy/table-options.ts";
import { type Both, inWords } from "./both.ts";
import { Generator } from "./generator.ts";

/**
 * Random Services change while random packets arrive: the table, changed row by row, and the chains, rendered anew and
 * walked rule by rule, must agree on what may happen to each. Where there is no session affinity the table is asked many
 * times, and every possibility must turn up; where there is, what it chose is told to the chains.
 */
const RUNS = process.env["SOAK"] ? 400 : 25;
const STEPS = 12;
const PACKETS = 25;
const TRIES = 80;
const NAMES = ["a", "b", "c", "d"];

function familyOf(packet: Packet): "ipv4" | "ipv6" {
  return packet.source.includes(":") ? "ipv6" : "ipv4";
}

/** One change, to one of few objects; what it deletes may not be there. */
function randomChange(generator: Generator): Change {
  const name = generator.one(NAMES);
  const kinds: (() => KubernetesObject)[] = [
    () => generator.service(name),
    () => generator.slice(name, generator.one(["1", "2"])),
    () => generator.slice(name, generator.one(["1", "2"])),
    () => generator.node(),
  ];
  return { type: generator.chance(0.15) ? "DELETED" : "MODIFIED", object: generator.one(kinds)() };
}

function check({ table, walkers }: Both, packet: Packet, nowMs: number): void {
  const walker = walkers[familyOf(packet)];
  const possible = walker.possibleVerdicts(packet, nowMs);
  expect(possible.reduce((sum, one) => sum + one.probability, 0)).toBeCloseTo(1, 6);
  const words = (all: typeof possible) => [...new Set(all.map(({ verdict }) => inWords(verdict)))].sort();
  const isSticky = possible.some(({ remembered }) => remembered.length > 0);
  const said = table.resolve(Array<Packet>(isSticky ? 1 : TRIES).fill(packet), nowMs).map(inWords);
  if (!isSticky) expect([...new Set(said)].sort()).toEqual(words(possible));
  else {
    expect(words(possible)).toContain(said[0]);
    const chosen = possible.find(({ verdict }) => inWords(verdict) === said[0])!;
    walker.happened(packet, chosen, nowMs);
  }
}

describe("the table and the walked chains agree", () => {
  test.each(Array.from({ length: RUNS }, (_, i) => i + 1))("seed %i", async (seed) => {
    const generator = new Generator(seededRandom(seed));
    const flags = { ...generator.flags(), flavour: "debug" as const };
    const node = generator.node();
    const objects = [node, ...NAMES.flatMap((name) => [generator.service(name), generator.slice(name, "1")])];
    const table = await buildServiceTable(objects, flags);
    const { nodeAddresses } = proxyOptions(flags, node);
    const walkers = { ipv4: new ChainWalker(nodeAddresses), ipv6: new ChainWalker(nodeAddresses) };
    const load = () => {
      for (const family of ["ipv4", "ipv6"] as const) {
        const declared = [...walkers[family].chainNames("nat")].filter((name) =>
          /^KUBE-(SVC|SVL|EXT|FW|SEP)-/.test(name),
        );
        const text = table.renderIptables(family);
        const stale = declared.filter((name) => !text.includes(`:${name} `));
        walkers[family].load(withStale(text, stale));
      }
    };
    load();
    for (let step = 0, nowMs = 0; step < STEPS; step++) {
      for (let i = 0; i < PACKETS; i++, nowMs += 97) {
        const packet = generator.packet();
        try {
          check({ table, walkers }, packet, nowMs);
        } catch (error) {
          throw new Error(`step ${step}: ${JSON.stringify(packet)}`, { cause: error });
        }
      }
      table.update(Array.from({ length: 2 }, () => randomChange(generator)));
      load();
    }
  });
});

/** Removes chains as a sync does: emptied with the others, deleted before the last rule. */
function withStale(text: string, stale: readonly string[]): string {
  if (stale.length === 0) return text;
  const emptied = text.replace(
    ":KUBE-MARK-MASQ - [0:0]\n",
    (line) => line + stale.map((name) => `:${name} - [0:0]\n`).join(""),
  );
  const end = emptied.lastIndexOf("COMMIT");
  return emptied.slice(0, end) + stale.map((name) => `-X ${name}\n`).join("") + emptied.slice(end);
}
