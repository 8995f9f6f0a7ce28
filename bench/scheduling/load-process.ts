import type { Seen } from "./ask-all.ts";
import { BareLoad } from "./bare-load.ts";
import { ClusterLoad, type Load, type LoadOptions } from "./cluster-load.ts";

/** The client process of `scheduler-e2e`, forked by bench/scheduler-e2e.ts: it is asked, and answers. */
export type Question =
  | { readonly ask: "open"; readonly of: "pintle" | "bare-server"; readonly options: LoadOptions }
  | { readonly ask: "prepare" | "measure" | "measureOneByOne" | "audit" };
export type Answer = { readonly seen: Seen | undefined } | { readonly error: string };

let load: Load | undefined;

async function answer(question: Question): Promise<Seen | undefined> {
  if (question.ask === "open") {
    load = await (question.of === "pintle" ? ClusterLoad : BareLoad).open(question.options);
    return undefined;
  }
  return (await load![question.ask]()) ?? undefined;
}

process.on("message", (question: Question) => {
  const send = (one: Answer) => process.send?.(one);
  answer(question).then(
    (seen) => send({ seen }),
    (error: unknown) => send({ error: String(error) }),
  );
});
