import { Environment, EvaluationError, type ParseResult } from "@marcbachmann/cel-js";
import { Budget, meter } from "./budget.ts";
import { registerLibrary } from "./library.ts";
import { withMessageLiterals } from "./message-literals.ts";

/** What an expression may be made of, so that nobody can keep the server busy for ever. */
const LIMITS = { maxAstNodes: 10_000, maxDepth: 100 };

let base: Environment | undefined;

/** CEL as Kubernetes extends it, before there are variables. */
export function celEnvironment(): Environment {
  base ??= registerLibrary(
    new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false, limits: LIMITS }),
  );
  return base.clone();
}

/** A compiled expression, whose every evaluation has a budget. */
export class Program {
  readonly budget = new Budget();
  readonly #parsed: ParseResult;

  /** Throws what the library throws where there is a mistake. */
  constructor(environment: Environment, expression: string) {
    this.#parsed = environment.parse(withMessageLiterals(expression));
    meter(this.#parsed, this.budget);
  }

  /** A value, or a promise of one where a function is asked that has to wait; throws what goes wrong. */
  evaluate(context: Readonly<Record<string, unknown>>, costLimit?: number): unknown {
    this.budget.renew(costLimit);
    return this.#parsed(context) as unknown;
  }
}

/** What an expression gives, as far as that is known before it is evaluated. */
export function typeOf(environment: Environment, expression: string): string | undefined {
  return environment.check(withMessageLiterals(expression)).type;
}

/** What was wrong with an evaluation, in CEL's words: `no such key: foo`. Throws on what is no fault of the expression. */
export function evaluationProblem(error: unknown): string {
  if (!(error instanceof Error)) throw error;
  if (!(error instanceof EvaluationError)) return error.message;
  const { summary } = error;
  return summary.charAt(0).toLowerCase() + summary.slice(1);
}

/** `compilation failed: ERROR: <input>:1:5: undefined field 'zz'` and the place under the text; undefined: nothing is wrong. */
export function compileProblem(environment: Environment, expression: string): string | undefined {
  const source = withMessageLiterals(expression);
  const { error } = environment.check(source);
  return error && compilationFailed(source, error);
}

function compilationFailed(
  expression: string,
  error: { summary: string; range?: { start: number } },
): string {
  // A field is missing at the dot before it, for cel-go.
  const isField = error.summary.startsWith("No such key");
  const start = Math.max(0, (error.range?.start ?? 0) - (isField ? 1 : 0));
  const before = expression.slice(0, start).split("\n");
  const column = before.at(-1)!.length;
  const line = expression.split("\n")[before.length - 1] ?? "";
  const where = `<input>:${before.length}:${column + 1}`;
  return `compilation failed: ERROR: ${where}: ${inCelWords(error.summary)}\n | ${line}\n | ${".".repeat(column)}^`;
}

/** The library's mistakes in the words of cel-go. */
function inCelWords(summary: string): string {
  return summary
    .replace(/^No such key: (.*)$/, "undefined field '$1'")
    .replace(/^Unknown variable: (.*)$/, "undeclared reference to '$1' (in container '')")
    .replace(/^Unexpected (token|character)/, "Syntax error: unexpected $1");
}
