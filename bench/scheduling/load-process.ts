import type { Seen } from "./ask-all.ts";
import { BareLoad } from "./bare-load.ts";
import { ClusterLoad, type Load, type LoadOptions } from "./cluster-load.ts";

/** The client process of `scheduler-e2e`, forked by bench/scheduler-e2e.ts: it is asked, and answers. */
export type Question =
  | { readonly ask: "open"; readonly of: "pintle" | "bare-server"; readonly options: LoadOptions }
  | { readonly ask: "prepare" | "measure" | "measureOneByOne" | "audit" };
export type Done = { readonly seen?: Seen; readonly events?: number };
export type Answer = Done | { readonly error: string };

let load: Load | undefined;

async function answer(question: Question): Promise<Done> {
  switch (question.ask) {
    case "open":
      load = await (question.of === "pintle" ? ClusterLoad : BareLoad).open(question.options);
      return {};
    case "prepare":
      await load!.prepare();
      return {};
    case "audit":
      return { events: await load!.audit() };
    case "measure":
    case "measureOneByOne":
      return { seen: await load![question.ask]() };
    default:
      return question satisfies never;
  }
}

process.on("message", (question: Question) => {
  const send = (one: Answer) => process.send?.(one);
  answer(question).then(
    (done) => send(done),
    (error: unknown) => send({ error: String(error) }),
  );
});
