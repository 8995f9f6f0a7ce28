import { expect, test } from "vitest";
import { celEnvironment, evaluationProblem, Program } from "./program.ts";

// What each gives in Kubernetes' own CEL; an error is what is said after `resulted in error:`.
test.each([
  ["'tea'.charAt(1)", "e"],
  ["'hello hello'.replace('he', 'we')", "wello wello"],
  ["'hello hello'.replace('he', 'we', 1)", "wello hello"],
  ["'%s has %d of %s, %.1f%%'.format(['a', 2, [1, 2], 1.5])", "a has 2 of [1, 2], 1.5%"],
  ["'%s'.format([{'a': true}])", "{a: true}"],
  ["'%s %s'.format(['a'])", "index 1 out of range"],
  ["'%d'.format(['a'])", "error during formatting: %d cannot be used here"],
  ["'a'.charAt(9)", "index out of range: 9"],
  ["url('https://h:80/a%20b?q=1').getHost() + url('https://h:80/a%20b').getEscapedPath()", "h:80/a%20b"],
  ["url('https://h:80').getPort()", "80"],
  ["url('https://h?q=1&q=2').getQuery()['q'].size()", 2n],
  ["isURL('::')", false],
  ["ip('10.0.0.1').family()", 4n],
  ["ip('::1').isLoopback() && !ip('10.0.0.1').isLoopback()", true],
  ["ip('nope')", 'IP Address "nope" parse error during conversion from string'],
  ["cidr('10.0.0.0/8').containsIP('10.2.3.4') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))", true],
  ["cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR('10.0.0.0/8')", true],
  ["cidr('fd00::/8').containsIP('fd00::1') && !cidr('fd00::/8').containsIP('10.0.0.1')", true],
  ["cidr('10.0.0.0/8').prefixLength()", 8n],
  ["isCIDR('10.0.0.0/33')", false],
])("%s", (expression, wants) => {
  const result = () => {
    try {
      return new Program(celEnvironment(), expression).evaluate({});
    } catch (error) {
      return evaluationProblem(error);
    }
  };
  expect(result()).toBe(wants);
});
