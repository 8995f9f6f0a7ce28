import { getOwn, isObject } from "../../apimachinery/copy.ts";

/** A step of a path: a member, an index, every item, or the items of which a member has a value. */
type Step =
  | { readonly member: string }
  | { readonly index: number }
  | { readonly all: true }
  | { readonly where: readonly string[]; readonly equals: string };

const MEMBER = /^\.((?:[^.[\\]|\\.)+)/;
const QUOTED = /^\[['"]((?:[^'"\\]|\\.)*)['"]\]/;
const INDEX = /^\[(-?\d+)\]/;
const ALL = /^(?:\[\*\]|\.\*)/;
const FILTER = /^\[\?\(\s*@((?:\.[\w-]+)+)\s*==\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))\s*\)\]/;

/** A simple JSON path, without braces: `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`; undefined: it is none. */
export function parseJsonPath(text: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  let rest = text.trim();
  if (!rest.startsWith(".")) return undefined;
  while (rest !== "") {
    const found = nextStep(rest);
    if (found === undefined) return undefined;
    if (found.step !== undefined) steps.push(found.step);
    rest = rest.slice(found.length);
  }
  return steps;
}

function nextStep(rest: string): { step?: Step; length: number } | undefined {
  const all = ALL.exec(rest);
  if (all) return { step: { all: true }, length: all[0].length };
  const filter = FILTER.exec(rest);
  if (filter) {
    const where = filter[1]!.split(".").slice(1);
    return { step: { where, equals: filter[2] ?? filter[3] ?? filter[4] ?? "" }, length: filter[0].length };
  }
  const index = INDEX.exec(rest);
  if (index) return { step: { index: Number(index[1]) }, length: index[0].length };
  const member = MEMBER.exec(rest) ?? QUOTED.exec(rest);
  if (member) return { step: { member: member[1]!.replace(/\\(.)/g, "$1") }, length: member[0].length };
  return undefined;
}

/** Every value the path leads to. */
export function valuesAt(steps: readonly Step[], value: unknown): unknown[] {
  let found: unknown[] = [value];
  for (const step of steps) found = found.flatMap((one) => follow(step, one));
  return found.filter((one) => one !== undefined && one !== null);
}

function follow(step: Step, value: unknown): unknown[] {
  if ("member" in step) return isObject(value) ? [getOwn(value, step.member)] : [];
  if ("all" in step) return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
  if (!Array.isArray(value)) return [];
  if ("index" in step) return [value.at(step.index)];
  return value.filter((item: unknown) => {
    const at = step.where.reduce<unknown>(
      (one, name) => (isObject(one) ? getOwn(one, name) : undefined),
      item,
    );
    return at !== undefined && String(at) === step.equals;
  });
}

/** The names of a path that only goes from member to member: `.spec.replicas` is `["spec", "replicas"]`. */
export function memberNames(text: string): string[] | undefined {
  const steps = parseJsonPath(text);
  const names = steps?.map((step) => ("member" in step ? step.member : undefined));
  return names?.some((name) => name === undefined) ? undefined : (names as string[] | undefined);
}
