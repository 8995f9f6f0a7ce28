import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { packageFile } from "../apimachinery/package-root.ts";
import type { instantiate } from "./generated/scheduler-exports.ts";
import type { CoreNames } from "./scheduler-facts.ts";

/** What the built core exports: functions, enums (rows, tables, filters) and its memory. */
export type SchedulerExports = Awaited<ReturnType<typeof instantiate>>;

/** `debug` has assertions and imports env.abort; the others import nothing. */
export type Flavour = "release" | "scalar" | "debug";

const FILES: Record<Flavour, string> = {
  release: "scheduler.wasm",
  scalar: "scheduler.scalar.wasm",
  debug: "scheduler.debug.wasm",
};

const compiled = new Map<Flavour, WebAssembly.Module>();

/** A new instance, with nothing reserved. Synchronous: a control plane under the virtual clock must not wait for I/O. */
export function instantiateScheduler(flavour: Flavour): SchedulerExports {
  let module = compiled.get(flavour);
  if (module === undefined) {
    module = new WebAssembly.Module(readFileSync(packageFile(`wasm-build/out/${FILES[flavour]}`)));
    compiled.set(flavour, module);
  }
  return readEnums(
    instantiateSync<Record<string, unknown>>(module, {}).exports,
  ) as unknown as SchedulerExports;
}

/** The loader groups `Table.nodes` under `Table`, but leaves each member a WebAssembly.Global: take their values. */
function readEnums(exports: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(exports).map(([name, value]) => {
      const isEnum = typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;
      return [name, isEnum ? readMembers(value as Record<string, WebAssembly.Global>) : value];
    }),
  );
}

function readMembers(members: Record<string, WebAssembly.Global>): Record<string, number> {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, member.value as number]));
}

/** The names behind the core's numbers. They are the same in every instance of a build. */
export function schedulerNames(flavour: Flavour): CoreNames {
  const { Filter, Score, Verdict, Insufficient, Limit, TermKind } = instantiateScheduler(flavour);
  return {
    filters: namesByNumber(Filter),
    scores: namesByNumber(Score).filter((name) => name !== "count") as CoreNames["scores"],
    verdicts: { ...Verdict },
    insufficient: { ...Insufficient },
    extendedPerClass: Limit.extendedPerClass,
    termKinds: { ...TermKind },
  };
}

function namesByNumber<Enum extends object>(members: Enum): (keyof Enum)[] {
  const names: (keyof Enum)[] = [];
  for (const name of Object.keys(members) as (keyof Enum)[]) names[members[name] as number] = name;
  return names;
}
