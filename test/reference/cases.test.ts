import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fromYaml } from "./case-text.ts";
import { play } from "./session.ts";

/** Cases on which core and model once differed, as `npm run soak:scheduler` printed them. */
const FOLDER = new URL("cases/", import.meta.url);
const files = readdirSync(FOLDER).filter((file) => file.endsWith(".yaml"));

describe("cases that the soak found", () => {
  test.each(files)("%s", async (file) => {
    const found = fromYaml(readFileSync(new URL(file, FOLDER), "utf8"));
    for (const flavour of ["debug", "release"] as const)
      expect(await play(found, { flavour }), flavour).toBeUndefined();
  });

  test("a case of its own: one node, one pod", async () => {
    const text = `
      steps:
        - node: { metadata: { name: n }, status: { allocatable: { cpu: "1", memory: 1Gi, pods: "3" } } }
        - place: { metadata: { name: p, namespace: default }, spec: { containers: [{ name: c }] } }
    `;
    expect(await play(fromYaml(text))).toBeUndefined();
  });
});
