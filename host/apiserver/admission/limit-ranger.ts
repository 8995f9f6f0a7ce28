import { LimitRange, PersistentVolumeClaim, Pod } from "../../api/core-kinds.ts";
import type {
  V1Container,
  V1LimitRange,
  V1LimitRangeItem,
  V1PersistentVolumeClaim,
  V1Pod,
} from "../../api/generated/types.ts";
import { type Amounts, amountsOf, podAmounts } from "../../api/pod-spec/amounts.ts";
import { forbidden } from "../../apimachinery/errors.ts";
import {
  compareQuantity,
  formatQuantity,
  milliValue,
  parseQuantity,
  type Quantity,
  value,
} from "../../apimachinery/quantity.ts";
import type { Api } from "../api.ts";
import type { Admission, Attributes } from "./chain.ts";
import { allOf, isOf } from "./look-up.ts";
import { isResize } from "./pod-resize.ts";

const ANNOTATION = "kubernetes.io/limit-ranger";

/** Gives containers the requests and limits that their namespace has by default. Source: api-policy 4.2. */
export const limitDefaults: Admission = (api, attributes) => {
  const { verb, namespace, object } = attributes;
  if (verb !== "create" || !isOf(attributes, Pod)) return;
  return setAllDefaults(api, object as V1Pod, namespace);
};

async function setAllDefaults(api: Api, pod: V1Pod, namespace: string | undefined): Promise<void> {
  for (const range of await allOf(api, LimitRange, namespace)) setDefaults(pod, range);
}

function setDefaults(pod: V1Pod, range: V1LimitRange): void {
  const items = (range.spec?.limits ?? []).filter(({ type }) => type === "Container");
  const usual = {
    requests: Object.assign({}, ...items.map(({ defaultRequest }) => defaultRequest)),
    limits: Object.assign({}, ...items.map((item) => item.default)),
  };
  const said = [
    ...(pod.spec?.containers ?? []).flatMap((one) => fill(one, "container", usual)),
    ...(pod.spec?.initContainers ?? []).flatMap((one) => fill(one, "init container", usual)),
  ];
  if (said.length === 0) return;
  const annotations = {
    ...pod.metadata?.annotations,
    [ANNOTATION]: `LimitRanger plugin set: ${said.join("; ")}`,
  };
  pod.metadata = { ...pod.metadata, annotations };
}

type Usual = Readonly<Record<"requests" | "limits", Readonly<Record<string, string>>>>;

/** @returns what was filled in, for the annotation: `cpu, memory request for container c` */
function fill(container: V1Container, what: string, usual: Usual): string[] {
  return (["requests", "limits"] as const).flatMap((side) => {
    const given = container.resources?.[side] ?? {};
    const missing = Object.keys(usual[side])
      .filter((name) => !Object.hasOwn(given, name))
      .sort();
    if (missing.length === 0) return [];
    const filled = { ...given, ...Object.fromEntries(missing.map((name) => [name, usual[side][name]!])) };
    container.resources = { ...container.resources, [side]: filled };
    return [`${missing.join(", ")} ${side.slice(0, -1)} for ${what} ${container.name}`];
  });
}

/** Refuses what is outside the bounds of its namespace, each LimitRange's violations together. */
export const limitBounds: Admission = (api, attributes) => {
  const { verb } = attributes;
  const isPod = (isOf(attributes, Pod) && verb === "create") || isResize(attributes);
  const isClaim = isOf(attributes, PersistentVolumeClaim) && verb !== "delete";
  return isPod || isClaim ? requireBounds(api, attributes, isPod) : undefined;
};

async function requireBounds(api: Api, attributes: Attributes, isPod: boolean): Promise<void> {
  const { kind, namespace, name, object } = attributes;
  for (const range of await allOf(api, LimitRange, namespace)) {
    const items = range.spec?.limits ?? [];
    const why = isPod
      ? items.flatMap((item) => podViolations(item, object as V1Pod))
      : items.flatMap((item) => claimViolations(item, object as V1PersistentVolumeClaim));
    if (why.length > 0) throw forbidden(kind, name, why.length === 1 ? why[0]! : `[${why.join(", ")}]`);
  }
}

function podViolations(item: V1LimitRangeItem, pod: V1Pod): string[] {
  if (item.type === "Pod") return violations(item, podAmounts(pod, "requests"), podAmounts(pod, "limits"));
  if (item.type !== "Container") return [];
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return containers.flatMap(({ resources }) =>
    violations(item, amountsOf(resources?.requests), amountsOf(resources?.limits)),
  );
}

function violations(item: V1LimitRangeItem, requests: Amounts, limits: Amounts): string[] {
  const { type, min, max, maxLimitRequestRatio } = item;
  return [
    ...bounds(min, (name, bound) =>
      outside("minimum", name, type, bound, [
        ["request", requests.get(name)],
        ["limit", limits.get(name)],
      ]),
    ),
    ...bounds(max, (name, bound) =>
      outside("maximum", name, type, bound, [
        ["limit", limits.get(name)],
        ["request", requests.get(name)],
      ]),
    ),
    ...bounds(maxLimitRequestRatio, (name, bound) =>
      aboveRatio(type, name, bound, requests.get(name), limits.get(name)),
    ),
  ];
}

interface Bound {
  /** As its author wrote it. */
  readonly text: string;
  readonly amount: Quantity;
}

function bounds(
  list: Readonly<Record<string, string>> | undefined,
  check: (name: string, bound: Bound) => string | undefined,
): string[] {
  return Object.entries(list ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, text]) => check(name, { text, amount: parseQuantity(text) }) ?? []);
}

/** @param given  what is looked at, in this order; the first has to be there */
function outside(
  side: "minimum" | "maximum",
  name: string,
  type: string,
  bound: Bound,
  given: readonly (readonly [what: "request" | "limit", amount: Quantity | undefined])[],
): string | undefined {
  const rule = `${side} ${name} usage per ${type} is ${bound.text}`;
  const sign = side === "minimum" ? -1 : 1;
  for (const [i, [what, amount]] of given.entries()) {
    if (amount === undefined && i === 0) return `${rule}.  No ${what} is specified`;
    if (amount !== undefined && sign * compareQuantity(amount, bound.amount) > 0)
      return `${rule}, but ${what} is ${formatQuantity(amount)}`;
  }
  return undefined;
}

function aboveRatio(
  type: string,
  name: string,
  max: Bound,
  request?: Quantity,
  limit?: Quantity,
): string | undefined {
  const what = `${name} max limit to request ratio per ${type} is ${max.text}`;
  if (request === undefined || Number(value(request)) === 0)
    return `${what}, but no request is specified or request is 0`;
  if (limit === undefined || Number(value(limit)) === 0)
    return `${what}, but no limit is specified or limit is 0`;
  const ratio = Number(milliValue(limit)) / Number(milliValue(request));
  return ratio * 1000 > Number(milliValue(max.amount))
    ? `${what}, but provided ratio is ${ratio.toFixed(6)}`
    : undefined;
}

function claimViolations({ type, min, max }: V1LimitRangeItem, claim: V1PersistentVolumeClaim): string[] {
  if (type !== "PersistentVolumeClaim") return [];
  const requests = amountsOf(claim.spec?.resources?.requests);
  const check = (side: "minimum" | "maximum") => (name: string, bound: Bound) =>
    outside(side, name, type, bound, [["request", requests.get(name)]]);
  return [...bounds(min, check("minimum")), ...bounds(max, check("maximum"))];
}
