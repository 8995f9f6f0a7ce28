import type { ParseResult } from "@marcbachmann/cel-js";
import { RE2_MATCHES } from "./library.ts";

/** What is said of an expression that went on for too long. Source: cel-go; the server says it in an error of its own. */
export const COST_EXCEEDED = "operation cancelled: actual cost limit exceeded";

/** What one evaluation may cost: about one for each step, and a tenth for each character or element it makes. */
export const MAX_COST = 1_000_000;

/** What goes beyond it fails, and everything after it in the same evaluation. */
export class Budget {
  #limit = MAX_COST;
  #left = MAX_COST;
  // One error for all: loops swallow the errors of their steps, and a trace for each would cost more than the steps.
  readonly #exceeded = new Error(COST_EXCEEDED);

  /** @param limit  never more than MAX_COST */
  renew(limit = MAX_COST): void {
    this.#limit = Math.min(limit, MAX_COST);
    this.#left = this.#limit;
  }

  /** What was spent since it was renewed. */
  get spent(): number {
    return this.#limit - this.#left;
  }

  spend(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) throw this.#exceeded;
  }
}

type Evaluate = (this: Node, evaluator: unknown, node: Node, context: unknown) => unknown;

/** What of the library's syntax tree is looked at; it hands the tree out, but types only a part of it. */
interface Node {
  evaluate: Evaluate;
  readonly op: string;
  readonly args: unknown;
  readonly meta: { readonly alternate?: unknown; readonly macro?: unknown };
}

/** Steps that go through what they are given: a list element by element, a text character by character. */
const READING = new Set(["in", "==", "!=", "+", "call", "rcall"]);
/** Steps that may make something larger than what they were given. */
const MAKING = new Set(["+", "call", "rcall"]);

/**
 * Makes every step of an expression cost something, and its regular expressions take linear time, whatever it goes through: lists, maps, literals, what functions give.
 * The library counts nothing itself, and its tree is the one place where every step comes by.
 */
export function meter(parsed: ParseResult, budget: Budget): void {
  const root = parsed.ast as unknown as Node;
  const seen = new Set<unknown>();
  const looks = new Map<unknown, Look>();
  const visit = (value: unknown, isRead: boolean): void => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    if (isNode(value, root)) {
      callLinearMatches(value);
      chargePattern(value, budget, looks);
      count(value, budget, isRead || MAKING.has(value.op), looks.get(value));
      visit(value.meta.alternate, false);
      visit(value.meta.macro, false);
      visit(value.args, READING.has(value.op));
    } else if (Array.isArray(value)) {
      for (const one of value) visit(one, isRead);
    } else if (Object.getPrototypeOf(value) === Object.prototype) {
      for (const one of Object.values(value)) visit(one, false);
    }
  };
  visit(root, false);
}

function isNode(value: object, root: Node): value is Node {
  return value.constructor === root.constructor;
}

/** By the tree, not by the text: there are many ways to write a call. */
function callLinearMatches({ op, args }: Node): void {
  if (op === "rcall" && Array.isArray(args) && args[0] === "matches") args[0] = RE2_MATCHES;
}

const PATTERN_CALLS = new Set([RE2_MATCHES, "find", "findAll"]);

/**
 * A pattern costs by its length times that of the text, and before it is tried. Source: cel-go, cost of `matches`:
 * a tenth of the text's characters times a quarter of the pattern's.
 */
function chargePattern({ op, args }: Node, budget: Budget, looks: Map<unknown, Look>): void {
  if (op !== "rcall" || !Array.isArray(args) || !PATTERN_CALLS.has(args[0] as string)) return;
  const [, text, parameters] = args as unknown[];
  if (!Array.isArray(parameters) || parameters.length === 0) return;
  const [pattern] = parameters as [Node];
  // What is constant may be evaluated once, or never; and either of the two may come first.
  let textLength = 0;
  let patternLength = pattern.op === "value" ? String(pattern.args).length : 0;
  const charge = () => budget.spend(((textLength + 1) / 10) * Math.max(1, patternLength / 4));
  looks.set(text, (value) => {
    textLength = String(value).length;
    charge();
  });
  looks.set(pattern, (value) => {
    const known = patternLength;
    patternLength = String(value).length;
    if (patternLength > known) charge();
  });
}

type Look = (result: unknown) => void;

/** A node settles how it is evaluated when it is first asked, by setting its own `evaluate`; it costs twice that time. */
function count(node: Node, budget: Budget, hasSize: boolean, look: Look | undefined): void {
  let settled: Evaluate = node.evaluate;
  const counted: Evaluate = (evaluator, same, context) => {
    budget.spend(1);
    const result = settled.call(node, evaluator, same, context);
    if (hasSize) budget.spend(sizeCost(result));
    look?.(result);
    return result;
  };
  Object.defineProperty(node, "evaluate", {
    get: () => counted,
    set: (evaluate: Evaluate) => {
      settled = evaluate;
    },
  });
}

function sizeCost(value: unknown): number {
  if (typeof value === "string") return value.length / 10;
  return Array.isArray(value) ? value.length : 0;
}
