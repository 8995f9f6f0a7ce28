import type { V1Pod } from "../../../api/generated/types.ts";
import { BASELINE, type Check, type Violation } from "./checks.ts";
import { RESTRICTED } from "./restricted.ts";
import type { Level } from "./version.ts";

/** What a pod violates of a level: its checks, those of baseline first, without those another one stands for. */
export function violationsOf(pod: V1Pod, level: Level, minor: number): Violation[] {
  return checksOf(level, minor).flatMap((one) => one.check(pod, minor) ?? []);
}

function checksOf(level: Level, minor: number): Check[] {
  const applies = ({ since = 0 }: Check) => minor >= since;
  if (level === "privileged") return [];
  if (level === "baseline") return BASELINE.filter(applies);
  const restricted = RESTRICTED.filter(applies);
  const replaced = new Set(restricted.flatMap(({ replaces = [] }) => replaces));
  return [...BASELINE.filter((one) => applies(one) && !replaced.has(one.id)), ...restricted];
}

/** `host namespaces (hostNetwork=true), privileged (container "c" must not …)` */
export function describeViolations(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => `${reason} (${detail})`).join(", ");
}
