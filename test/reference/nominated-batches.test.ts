import { describe, expect, test } from "vitest";
import type { V1Pod } from "../../host/api/generated/types.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import type { DecidingScheduler } from "../../host/scheduler/deciding-scheduler.ts";
import { createDecidingScheduler } from "../../host/scheduler/library.ts";
import { Draw } from "./generator/draw.ts";
import { NodeGenerator } from "./generator/nodes.ts";
import { PodGenerator } from "./generator/pods.ts";
import { TopologyGenerator } from "./generator/topology.ts";

const SOAK = process.env["SOAK"] === "1";
const SEEDS = SOAK ? 3_000 : 60;

/** Pods of few templates beside nominated ones of higher priority: what is done to one scheduler is done to the other. */
async function play(
  seed: number,
  place: (scheduler: DecidingScheduler, pods: readonly V1Pod[]) => Promise<string[]>,
) {
  const draw = new Draw(seededRandom(seed));
  const topology = new TopologyGenerator(draw);
  const nodes = new NodeGenerator(draw, true);
  const pods = new PodGenerator(draw, topology, [undefined], false, true);
  const names = Array.from({ length: 1 + draw.below(12) }, (_, i) => `node-${i}`);
  const flavour = draw.chance(30) ? "debug" : "release";
  const scheduler = await createDecidingScheduler({ thread: "caller", flavour });
  try {
    for (const name of names) scheduler.addNode(nodes.node(name));
    for (let i = 0; i < 2; i++) scheduler.addObject(topology.object());
    const templates = Array.from({ length: 1 + draw.below(3) }, (_, i) => pods.pod(`template-${i}`, names));
    const said: string[] = [];
    for (let round = 0, serial = 0; round < 3; round++) {
      for (let i = draw.below(8); i > 0; i--) {
        const one = pods.modestPod(`nominated-${serial++}`, names);
        scheduler.nominate(prioritised(one, draw.pick([10, 20])), draw.pick(names));
      }
      const series = Array.from({ length: 1 + draw.below(25) }, () => {
        const template = draw.pick(templates);
        const named = { ...template, metadata: { ...template.metadata!, name: `pod-${serial++}` } };
        return prioritised(named, draw.chance(85) ? 5 : draw.pick([0, 10, 30]));
      });
      said.push(...(await place(scheduler, series)));
    }
    return said;
  } finally {
    await scheduler.close();
  }
}

function prioritised(pod: V1Pod, priority: number): V1Pod {
  const { schedulingGates: _, nodeName: __, ...spec } = pod.spec!;
  return { ...pod, spec: { ...spec, priority } };
}

async function inWords(scheduler: DecidingScheduler, pods: readonly V1Pod[]): Promise<string[]> {
  const decisions = await scheduler.decide(pods);
  return decisions.map((one) => `${one.pod}: ${one.node ?? one.message}`);
}

describe("pods beside nominated ones", () => {
  test(
    `go where each would go alone: ${SEEDS} seeds`,
    async () => {
      let [placed, refused] = [0, 0];
      for (let seed = 0; seed < SEEDS; seed++) {
        const together = await play(seed, inWords);
        const alone = await play(seed, async (scheduler, pods) => {
          const said: string[] = [];
          for (const pod of pods) said.push(...(await inWords(scheduler, [pod])));
          return said;
        });
        expect(together, `seed ${seed}`).toEqual(alone);
        const fitted = together.filter((text) => / (?:node-\d+)$/.test(text)).length;
        placed += fitted;
        refused += together.length - fitted;
      }
      expect(Math.min(placed, refused)).toBeGreaterThan(SEEDS);
    },
    SOAK ? 3_600_000 : 120_000,
  );
});
