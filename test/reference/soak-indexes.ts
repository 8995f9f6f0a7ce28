import { parseArgs } from "node:util";
import type { Flavour } from "../../host/wasm/scheduler-module.ts";
import { playSeries } from "./indexes.ts";

/**
 * `node dist/test/reference/soak-indexes.js --seeds M [--from-seed N] [--flavour F] [--tie-seed T]`: as indexes.test.ts, without a test runner:
 * what a mutation check needs, and a long run on the side. Exits 1 at the first difference.
 */
const { values } = parseArgs({
  options: {
    "from-seed": { type: "string", default: "0" },
    seeds: { type: "string", default: "1000" },
    flavour: { type: "string", default: "release" },
    "tie-seed": { type: "string" },
  },
});
const from = Number(values["from-seed"]);
const to = from + Number(values.seeds);
const tieSeed = values["tie-seed"];
const options = {
  flavour: values.flavour as Flavour,
  ...(tieSeed === undefined ? {} : { tieSeed: Number(tieSeed) }),
};
let indexed = 0;
for (let seed = from; seed < to; seed++) {
  const run = await playSeries(seed, options).catch((error: unknown) => {
    throw new Error(`seed ${seed}`, { cause: error });
  });
  indexed += run.indexed;
  if ((seed + 1 - from) % 1_000 === 0) console.log(`seed ${seed + 1}: ${indexed} decisions by an index`);
}
console.log(JSON.stringify({ ...options, from, to, indexed }));
