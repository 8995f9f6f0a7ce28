import { expect, test } from "vitest";
import { celEnvironment, evaluationProblem, Program } from "./program.ts";

const EXCEEDED = "operation cancelled: actual cost limit exceeded";

// A pattern's cost is known before it is tried: what is too much must not be found out by doing it.
test.each([
  ["t.matches('a+b')", 1_000, false],
  ["t.matches('^(x?){200}(y?){200}(z?){200}$')", 2_000_000, EXCEEDED],
  ["t.find('^(x?){200}(y?){200}(z?){200}$') != ''", 2_000_000, EXCEEDED],
  ["t.findAll('^(x?){200}(y?){200}(z?){200}$').size() > 0", 2_000_000, EXCEEDED],
  ["t.matches('^(x?){200}(y?){200}' + '(z?){200}$')", 2_000_000, EXCEEDED],
  // Each time it is evaluated, not the first time alone.
  ["[1, 2, 3, 4, 5].all(i, !t.matches('^(x?){20}(y?){20}(zz)+$'))", 400_000, EXCEEDED],
  ["[1, 2, 3, 4, 5].all(i, !t.matches('^(y?){20}(zz)+$'))", 400, true],
])("%s of %d letters: %j", (expression, length, wants) => {
  const environment = celEnvironment().registerVariable("t", "string");
  const result = () => {
    try {
      return new Program(environment, expression).evaluate({ t: "x".repeat(length) });
    } catch (error) {
      return evaluationProblem(error);
    }
  };
  expect(result()).toBe(wants);
});
