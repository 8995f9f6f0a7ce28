import type { SchedulerOptions } from "../../host/scheduler/library.ts";
import { inYaml } from "./case-text.ts";
import { ClusterGenerator } from "./generator/cluster.ts";
import { minimise } from "./minimise.ts";
import { type Disagreement, Session, type Step } from "./session.ts";

/** A seed on which the core and the reference model differ. */
export interface Failure {
  readonly seed: number;
  readonly found: Disagreement;
  readonly steps: readonly Step[];
}

/** Runs one seed until core and model differ. What the core throws is a difference too. */
export async function compareSeed(seed: number, options: SchedulerOptions): Promise<Failure | undefined> {
  const generator = new ClusterGenerator(seed);
  const session = await Session.open(generator.config, { ...options, seed });
  const steps: Step[] = [];
  try {
    for (const step of generator.steps(session.model)) {
      steps.push(step);
      const found = await session.play(step);
      if (found) return { seed, found, steps };
    }
    return undefined;
  } catch (error) {
    const actual = error instanceof Error ? error.stack : error;
    return { seed, steps, found: { pod: "", what: "error", expected: undefined, actual } };
  } finally {
    await session.close();
  }
}

/** What a failing seed comes down to, as text with a case that can be pasted into a test. */
export async function describeFailure(failure: Failure, options: SchedulerOptions): Promise<string> {
  const { seed, found, steps } = failure;
  const { config } = new ClusterGenerator(seed);
  const whole = { ...(config ? { config } : {}), steps };
  const same = { ...options, seed };
  const { smallest, disagreement = found } =
    found.what === "error" ? { smallest: whole } : await minimise(whole, found, same);
  const say = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  return [
    `seed ${seed}: pod ${disagreement.pod}: ${disagreement.what} differs`,
    `  the model says: ${say(disagreement.expected)}`,
    `  the core says:  ${say(disagreement.actual)}`,
    "a case that shows it, for a file of test/reference/cases:",
    inYaml(smallest),
  ].join("\n");
}
