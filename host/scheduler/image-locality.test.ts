import { describe, expect, test } from "vitest";
import { node, place, pod } from "../../test/reference/shorthand.ts";
import type { V1Node, V1Pod } from "../api/generated/types.ts";
import { createScheduler, type Explanation, type Scheduler } from "./library.ts";

const MB = 1024 * 1024;

/** `having("n1", "a:v1=40", "b:v1|registry.local/b=300")`: images with their names and sizes in MB. */
function having(name: string, ...images: string[]): V1Node {
  const one = node(name, "8/64Gi");
  one.status!.images = images.map((text) => {
    const [names, size] = text.split("=");
    return { names: names!.split("|"), sizeBytes: Math.round(Number(size) * MB) };
  });
  return one;
}

interface Images {
  readonly containers?: string[];
  readonly init?: string[];
  readonly volumes?: string[];
}

function wanting({ containers = [], init = [], volumes = [] }: Images): V1Pod {
  const one = pod(
    "p",
    containers.map(() => "0/0"),
  );
  one.spec!.containers.forEach((container, i) => {
    container.image = containers[i]!;
  });
  one.spec!.initContainers = init.map((image, i) => ({ name: `i${i}`, image }));
  one.spec!.volumes = volumes.map((reference, i) => ({ name: `v${i}`, image: { reference } }));
  return one;
}

const scoresOf = ({ nodes }: Explanation) => nodes.map(({ scores }) => scores!["ImageLocality"]!.raw);

describe("ImageLocality (sheet 3.7, 9 case 64)", () => {
  const empty = (name: string) => having(name);
  test.each([
    {
      name: "250 MB on 1 of 2 nodes, two containers: (125 - 23) / (2000 - 23)",
      nodes: [having("n1", "gcr.io/250:latest=250"), empty("n2")],
      wants: { containers: ["gcr.io/250", "gcr.io/other"] },
      scores: [5, 0],
    },
    {
      name: "40 and 300 MB on 1 of 2",
      nodes: [empty("n1"), having("n2", "gcr.io/40:latest=40", "gcr.io/300:latest=300")],
      wants: { containers: ["gcr.io/40", "gcr.io/300"] },
      scores: [0, 7],
    },
    {
      name: "4000 MB on 1 of 2: as much as counts",
      nodes: [empty("n1"), having("n2", "big:v1=4000")],
      wants: { containers: ["big:v1", "other"] },
      scores: [0, 100],
    },
    {
      name: "4000 MB on 1 of 3",
      nodes: [empty("n1"), having("n2", "big:v1=4000"), empty("n3")],
      wants: { containers: ["big:v1", "other"] },
      scores: [0, 66, 0],
    },
    {
      name: "an image volume counts, and is no container",
      nodes: [having("n1", "c:v1=30", "v:v1=300"), empty("n2")],
      wants: { containers: ["c:v1"], volumes: ["v:v1"] },
      scores: [14, 0],
    },
    {
      name: "one container, 300 in a volume on 1 of 2",
      nodes: [having("n1", "c:v1=30", "v:v1=300"), having("n2", "d:v1=30")],
      wants: { containers: ["d:v1"], volumes: ["v:v1"] },
      scores: [12, 0],
    },
    {
      name: "init containers count, image and container",
      nodes: [having("n1", "i:v1=300", "x=30"), having("n2", "c:v1=30")],
      wants: { init: ["i:v1"], containers: ["c:v1"] },
      scores: [6, 0],
    },
    {
      name: "600, 900 / 300, 600, 900 / none: 32, 36, 0",
      nodes: [having("n1", "a:v=600", "b:v=900"), having("n2", "c:v=300", "a:v=600", "b:v=900"), empty("n3")],
      wants: { containers: ["a:v", "b:v", "c:v"] },
      scores: [32, 36, 0],
    },
    {
      name: "the same image twice counts twice",
      nodes: [having("n1", "a:v=250"), empty("n2")],
      wants: { containers: ["a:v", "a:v"] },
      scores: [11, 0],
    },
    {
      name: "below 23 MB is nothing; at 23 MB still; 33 MB is 1 of 100",
      nodes: [having("n1", "a:v=22.9"), having("n2", "b:v=23"), having("n3", "c:v=33")],
      wants: { containers: ["a:v"] },
      scores: [0, 0, 0],
    },
    {
      name: "one of three nodes: 99 MB counts 33, 1.02 % of the range",
      nodes: [having("n1", "a:v=99"), empty("n2"), empty("n3")],
      wants: { containers: ["a:v"] },
      scores: [1, 0, 0],
    },
    {
      name: "a name without a tag means latest; a port is no tag; a digest is one",
      nodes: [
        having("n1", "host:5000/a:latest=400"),
        having("n2", "host:5000/a=400"),
        having("n3", "host:5000/a@sha256:abc=400"),
      ],
      wants: { containers: ["host:5000/a"] },
      scores: [11, 0, 0],
    },
    {
      name: "by digest",
      nodes: [having("n1", "a@sha256:abc|a:v1=400"), empty("n2")],
      wants: { containers: ["a@sha256:abc"] },
      scores: [18, 0],
    },
    {
      name: "docker.io/library is not filled in",
      nodes: [having("n1", "docker.io/library/nginx:latest=400"), empty("n2")],
      wants: { containers: ["nginx"] },
      scores: [0, 0],
    },
    {
      name: "the size is that of the first node that has it",
      nodes: [having("n1", "a:v=100"), having("n2", "a:v=900")],
      wants: { containers: ["a:v"] },
      scores: [7, 7],
    },
  ])("$name", async ({ nodes, wants, scores }) => {
    const { explanation } = await place({ nodes, pod: wanting(wants) });
    expect(scoresOf(explanation)).toEqual(scores);
  });

  test("an image draws a pod where nothing else does", async () => {
    const nodes = [empty("n1"), empty("n2"), having("n3", "a:v=4000")];
    expect((await place({ nodes, pod: wanting({ containers: ["a:v"] }) })).node).toBe("n3");
  });
});

describe("images come and go", () => {
  const wanted = wanting({ containers: ["a:v"] });
  const withScheduler = async (use: (scheduler: Scheduler) => Promise<void>) => {
    const scheduler = await createScheduler({ thread: "caller", flavour: "debug" });
    try {
      await use(scheduler);
    } finally {
      await scheduler.close();
    }
  };
  const now = async (scheduler: Scheduler) => scoresOf(await scheduler.explain(wanted));

  test("with their nodes, before and after a class asks", () =>
    withScheduler(async (scheduler) => {
      scheduler.addNode(having("n1", "a:v=500"));
      scheduler.addNode(having("n2"));
      expect(await now(scheduler)).toEqual([23, 0]);
      scheduler.updateNode(having("n2", "a:v=900", "other:v=1"));
      expect(await now(scheduler)).toEqual([48, 48]);
      // n1 has brought in the size; it stays while n2 has the image, and is n1's own again after.
      scheduler.updateNode(having("n1", "a:v=700"));
      expect(await now(scheduler)).toEqual([48, 48]);
      scheduler.removeNode("n1");
      expect(await now(scheduler)).toEqual([48]);
      scheduler.updateNode(having("n2", "a:v=1000"));
      expect(await now(scheduler)).toEqual([100]);
      scheduler.updateNode(having("n2"));
      expect(await now(scheduler)).toEqual([0]);
      // It takes the place of n1.
      scheduler.addNode(having("n3", "a:v=1000"));
      expect(await now(scheduler)).toEqual([48, 0]);
    }));

  test("more images than the tables begin with, more classes than are kept, more nodes than a word has bits", () =>
    withScheduler(async (scheduler) => {
      const size = 600;
      for (let i = 0; i < 100; i++)
        scheduler.addNode(having(`n${i}`, ...[0, 1, 2, 3, 4, 5].map((k) => `a${i + 100 * k}:v=90000`)));
      const names = Array.from({ length: size }, (_, i) => `a${i}:v`);
      for (let round = 0; round < 2; round++) {
        const pods = names.map((image, i) => {
          const one = wanting({ containers: [image] });
          return { ...one, metadata: { name: `p${round}-${i}`, namespace: "default" } };
        });
        const placed = (await scheduler.schedule(pods)).map((one) => one.node);
        expect(placed).toEqual(names.map((_, i) => `n${i % 100}`));
        for (const one of pods) scheduler.removePod("default", one.metadata.name);
      }
    }));
});
