import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import type { V1Pod } from "../api/generated/types.ts";
import { packageFile } from "../apimachinery/package-root.ts";

/**
 * What simulated pods do, as data: one YAML file a stage, read once at start. The first stage whose selector matches
 * is a pod's next one; it happens after its delay, unless the pod changes so that it no longer matches.
 *
 *   selector  every line must hold; a key is a path into the pod
 *   delay     milliseconds, or a Go duration read from the pod; a deleted pod never waits beyond its grace
 *   next      events, then a status of `pod-status.ts` by name, or the removal of the pod
 *
 * Source: the Stage of KWOK v0.8 (kubelet sheet 7.1), without its templates, weights and jitter.
 */
export interface Stage {
  readonly name: string;
  readonly selector: readonly Requirement[];
  readonly delay: Delay;
  readonly next: Next;
}

export interface Requirement {
  readonly key: Path;
  readonly operator: Operator;
  readonly values: readonly string[];
  /** The other path, for `Same` and `Differs`. */
  readonly as?: Path;
}

const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist", "Same", "Differs"] as const;
type Operator = (typeof OPERATORS)[number];

export interface Delay {
  readonly milliseconds: number;
  /** Where the pod itself says how long, e.g. an annotation with `5s`; `milliseconds` when it does not. */
  readonly from?: Path;
}

const STATUSES = ["starting", "running", "observed", "stopped"] as const;
export type StatusName = (typeof STATUSES)[number];

const TARGETS = ["started", "restarted", "running"] as const;

export interface Next {
  readonly events: readonly ContainerEvent[];
  readonly status?: StatusName;
  /** The exit code of every container when `status` is stopped. */
  readonly exitCode: { readonly value: number; readonly from?: Path };
  /** Removes the pod: DELETE with grace 0. */
  readonly delete: boolean;
}

/** An event about each container of a group; `<image>` and `<container>` stand for its own. */
export interface ContainerEvent {
  readonly each: (typeof TARGETS)[number];
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  /** Only for containers with one of these pull policies; empty: for all. */
  readonly imagePullPolicy: readonly string[];
}

/** `status.conditions[Ready].status` as steps: a list is entered by an element's type or name. */
export type Path = readonly string[];

export function parsePath(text: string): Path {
  const steps = [...text.matchAll(/\.?([^.[\]]+)|\[([^\]]+)\]/g)].map((match) => match[1] ?? match[2]!);
  if (steps.length === 0) throw new Error(`an empty path: ${JSON.stringify(text)}`);
  return steps;
}

/** What stands at a path; undefined where nothing does, or an empty list. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (Array.isArray(value)) value = value.find((one) => one?.type === step || one?.name === step);
    else if (typeof value === "object" && value !== null) value = (value as Record<string, unknown>)[step];
    else return undefined;
  }
  if (value === null || (Array.isArray(value) && value.length === 0)) return undefined;
  return value;
}

/** The stage a pod is in, or undefined when nothing more happens to it by itself. */
export function matchStage(stages: readonly Stage[], pod: V1Pod): Stage | undefined {
  return stages.find((stage) => stage.selector.every((requirement) => holds(requirement, pod)));
}

function holds(requirement: Requirement, pod: V1Pod): boolean {
  const value = valueAt(pod, requirement.key);
  switch (requirement.operator) {
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "In":
      return value !== undefined && requirement.values.includes(String(value));
    case "NotIn":
      return value === undefined || !requirement.values.includes(String(value));
    case "Same":
      return value === valueAt(pod, requirement.as!);
    case "Differs":
      return value !== valueAt(pod, requirement.as!);
    default:
      return requirement.operator satisfies never;
  }
}

/** How long a pod waits in a stage, in milliseconds. */
export function delayMs(stage: Stage, pod: V1Pod): number {
  const told = stage.delay.from === undefined ? undefined : valueAt(pod, stage.delay.from);
  const delay = (typeof told === "string" ? parseGoDuration(told) : undefined) ?? stage.delay.milliseconds;
  const graceSeconds = pod.metadata?.deletionGracePeriodSeconds;
  return graceSeconds === undefined ? delay : Math.min(delay, graceSeconds * 1000);
}

const UNIT_MS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** `1m30s` to milliseconds; undefined when it is not a duration. */
export function parseGoDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return text === "0" ? 0 : undefined;
  let totalMs = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    totalMs += Number(number) * UNIT_MS[unit!]!;
  }
  return totalMs;
}

/** Reads the stages that come with the package, in order of their file names. */
export function loadStages(folder = packageFile("host/kubelet/stages")): Stage[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".yaml"));
  return files.sort().map((file) => parseStage(readFileSync(`${folder}/${file}`, "utf8"), file));
}

/** A stage from its YAML. Throws with the file's name: stages are part of the program, not user input. */
export function parseStage(text: string, file: string): Stage {
  const document = parse(text) as Record<string, unknown>;
  const wrong = (what: string) => new Error(`stage ${file}: ${what}`);
  if (typeof document?.["name"] !== "string") throw wrong("name is missing");
  const selector = (document["selector"] ?? []) as Record<string, unknown>[];
  const delay = (document["delay"] ?? {}) as Record<string, unknown>;
  const next = (document["next"] ?? {}) as Record<string, unknown>;
  const status = next["status"];
  if (status !== undefined && !STATUSES.includes(status as StatusName))
    throw wrong(`unknown status ${status}`);
  const exitCode = (next["exitCode"] ?? {}) as Record<string, unknown>;
  return {
    name: document["name"],
    selector: selector.map((line) => {
      const operator = line["operator"] as Operator;
      if (!OPERATORS.includes(operator)) throw wrong(`unknown operator ${operator}`);
      if ((operator === "Same" || operator === "Differs") && !line["as"]) throw wrong(`${operator} needs as`);
      return {
        key: parsePath(String(line["key"])),
        operator,
        values: ((line["values"] ?? []) as unknown[]).map(String),
        ...(line["as"] === undefined ? {} : { as: parsePath(String(line["as"])) }),
      };
    }),
    delay: {
      milliseconds: Number(delay["milliseconds"] ?? 0),
      ...(delay["from"] === undefined ? {} : { from: parsePath(String(delay["from"])) }),
    },
    next: {
      events: ((next["events"] ?? []) as Record<string, unknown>[]).map((event) => {
        const each = event["each"] as ContainerEvent["each"];
        if (!TARGETS.includes(each)) throw wrong(`unknown containers ${each}`);
        return {
          each,
          type: event["type"] === "Warning" ? "Warning" : "Normal",
          reason: String(event["reason"]),
          message: String(event["message"]),
          imagePullPolicy: ((event["imagePullPolicy"] ?? []) as unknown[]).map(String),
        };
      }),
      ...(status === undefined ? {} : { status: status as StatusName }),
      exitCode: {
        value: Number(exitCode["value"] ?? 0),
        ...(exitCode["from"] === undefined ? {} : { from: parsePath(String(exitCode["from"])) }),
      },
      delete: next["delete"] === true,
    },
  };
}
