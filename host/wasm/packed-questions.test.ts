import { expect, it } from "vitest";
import {
  packDryRun,
  packNominations,
  packOutcomes,
  unpackDryRun,
  unpackNominations,
  unpackOutcomes,
} from "./packed-questions.ts";

const shapes = [
  {
    usage: {
      requestMilliCpu: 1,
      requestMemory: 2 ** 40,
      requestEphemeral: 0,
      nonZeroMilliCpu: 1,
      nonZeroMemory: 2 ** 40,
      extended: [],
      ports: [],
    },
    tracks: [3],
    volumes: [],
  },
];

it("questions and answers about nodes are the same after a way as numbers", () => {
  for (const nodes of [
    [],
    [{ slot: 7, nominated: [] }],
    [
      { slot: 1_048_575, nominated: [0, 2, 1] },
      { slot: 0, nominated: [5] },
    ],
  ]) {
    for (const own of [undefined, 0, 9]) {
      const nominations = { shapes, nodes, own };
      expect(unpackNominations(packNominations(nominations))).toEqual(nominations);
    }
    const asked = nodes.flatMap((node) => [
      { ...node, lower: [], protectedPods: 0 },
      { ...node, lower: [4, 4, 1], protectedPods: 2 },
    ]);
    const question = { shapes, nodes: asked, wanted: 100, found: { whole: 1, breaking: 2 } };
    expect(unpackDryRun(packDryRun(question))).toEqual(question);
  }
  for (const victims of [undefined, [], [0], [2, 5, 9]]) {
    const outcome = { victims, rejectedBy: 255, insufficient: 0xffffffff };
    const other = { victims: [1], rejectedBy: 0, insufficient: 0 };
    expect(unpackOutcomes(packOutcomes([outcome, other, outcome]))).toEqual([outcome, other, outcome]);
  }
  expect(unpackOutcomes(packOutcomes([]))).toEqual([]);
});
