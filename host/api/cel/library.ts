import { isIP } from "node:net";
import type { Environment } from "@marcbachmann/cel-js";
import { compareQuantity, parseQuantity, type Quantity, QuantityError } from "../../apimachinery/quantity.ts";
import { registerNetwork } from "./library-network.ts";
import { registerStrings } from "./library-strings.ts";
import { patternOf } from "./pattern.ts";

/** The library's own `matches` backtracks, and takes no other: calls of it are made calls of this one. */
export const RE2_MATCHES = "matchesRe2";

type Ordered = bigint | number | string | boolean;

/** The element types that Kubernetes' list functions take. */
const ORDERED = ["int", "double", "string", "bool"];
const NUMBERS = ["int", "double"];

/**
 * What Kubernetes adds to CEL and the library does not have: lists, regular expressions, quantities, addresses.
 * Source: k8s.io/apiserver/pkg/cel/library; api-policy 4.8.
 */
export function registerLibrary(environment: Environment): Environment {
  registerStrings(environment);
  registerNetwork(environment);
  for (const type of ORDERED) registerLists(environment, type);
  for (const type of NUMBERS) {
    const zero = type === "int" ? 0n : 0;
    environment.registerFunction(`list<${type}>.sum(): ${type}`, (list: bigint[]) =>
      list.reduce((sum, one) => sum + one, zero as bigint),
    );
  }
  return environment
    .registerFunction(
      "string.find(string): string",
      (text: string, pattern: string) => findAll(text, pattern, 1)[0] ?? "",
    )
    .registerFunction("string.findAll(string): list<string>", (text: string, pattern: string) =>
      findAll(text, pattern),
    )
    .registerFunction(
      `string.${RE2_MATCHES}(string): bool`,
      (text: string, pattern: string) => findAll(text, pattern, 1).length > 0,
    )
    .registerFunction("isQuantity(string): bool", isQuantity)
    .registerType("Quantity", { ctor: CelQuantity, fields: {} })
    .registerFunction("quantity(string): Quantity", (text: string) => new CelQuantity(parseQuantity(text)))
    .registerFunction("Quantity.compareTo(Quantity): int", (a: CelQuantity, b: CelQuantity) =>
      BigInt(a.compare(b)),
    )
    .registerFunction(
      "Quantity.isGreaterThan(Quantity): bool",
      (a: CelQuantity, b: CelQuantity) => a.compare(b) > 0,
    )
    .registerFunction(
      "Quantity.isLessThan(Quantity): bool",
      (a: CelQuantity, b: CelQuantity) => a.compare(b) < 0,
    )
    .registerOperator("Quantity == Quantity", (a: CelQuantity, b: CelQuantity) => a.compare(b) === 0)
    .registerFunction("isIP(string): bool", (text: string) => isIP(text) !== 0);
}

function registerLists(environment: Environment, type: string): void {
  const list = `list<${type}>`;
  const position = (index: number) => BigInt(index);
  environment
    .registerFunction(`${list}.isSorted(): bool`, (all: Ordered[]) =>
      all.every((one, i) => i === 0 || all[i - 1]! <= one),
    )
    .registerFunction(`${list}.min(): ${type}`, (all: Ordered[]) => extreme(all, "min", (a, b) => a < b))
    .registerFunction(`${list}.max(): ${type}`, (all: Ordered[]) => extreme(all, "max", (a, b) => a > b))
    .registerFunction(`${list}.indexOf(${type}): int`, (all: Ordered[], one: Ordered) =>
      position(all.indexOf(one)),
    )
    .registerFunction(`${list}.lastIndexOf(${type}): int`, (all: Ordered[], one: Ordered) =>
      position(all.lastIndexOf(one)),
    );
}

function extreme(
  list: readonly Ordered[],
  what: string,
  isBefore: (a: Ordered, b: Ordered) => boolean,
): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error(`${what} called on empty list`);
  return rest.reduce((best, one) => (isBefore(one, best) ? one : best), first);
}

function findAll(text: string, pattern: string, limit = Number.POSITIVE_INFINITY): string[] {
  const matcher = patternOf(pattern).matcher(text);
  const found: string[] = [];
  while (found.length < limit && matcher.find()) found.push(matcher.group() ?? "");
  return found;
}

class CelQuantity {
  readonly #quantity: Quantity;

  constructor(quantity: Quantity) {
    this.#quantity = quantity;
  }

  compare(other: CelQuantity): number {
    return compareQuantity(this.#quantity, other.#quantity);
  }
}

function isQuantity(text: string): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch (error) {
    if (error instanceof QuantityError) return false;
    throw error;
  }
}
