import { badRequest } from "./errors.ts";
import { invalid } from "./field-error.ts";
import { isLabelValue, isQualifiedName } from "./names.ts";
import type { LabelOperator, LabelRequirement } from "./selectors.ts";

/**
 * The grammar of label selectors, with the errors of k8s.io/apimachinery/pkg/labels word for word:
 *
 *   selector     requirement ("," requirement)*
 *   requirement  ["!"] key | key operator value | key ("in" | "notin") "(" values ")"
 */
interface Token {
  readonly kind: "identifier" | "symbol" | "end";
  readonly text: string;
}

const SYMBOLS = new Set([")", ",", "!", "==", "=", ">", "<", "!=", "("]);
const BINARY_OPERATORS: Readonly<Record<string, LabelOperator>> = {
  in: "in",
  notin: "notin",
  "=": "=",
  "==": "=",
  "!=": "!=",
  ">": "gt",
  "<": "lt",
};

/** Requirements in the order written; throws ApiError 400. */
export function parseRequirements(text: string): LabelRequirement[] {
  const tokens = tokenise(text);
  const requirements: LabelRequirement[] = [];
  let place = 0;
  const peek = (): Token => tokens[place]!;
  const take = (): Token => (peek().kind === "end" ? peek() : tokens[place++]!);
  if (peek().kind === "end") return requirements;
  if (!startsRequirement(peek())) {
    throw badRequest(`found '${peek().text}', expected: !, identifier, or 'end of string'`);
  }
  for (;;) {
    requirements.push(parseRequirement(peek, take));
    const next = take();
    if (next.kind === "end") return requirements;
    if (next.text !== "," || next.kind !== "symbol") {
      throw badRequest(`found '${next.text}', expected: ',' or 'end of string'`);
    }
    if (!startsRequirement(peek())) {
      throw badRequest(`found '${peek().text}', expected: identifier after ','`);
    }
  }
}

function startsRequirement(token: Token): boolean {
  return token.kind === "identifier" || token.text === "!";
}

function parseRequirement(peek: () => Token, take: () => Token): LabelRequirement {
  let first = take();
  const negated = first.kind === "symbol" && first.text === "!";
  if (negated) first = take();
  if (first.kind !== "identifier") throw refused(`found '${first.text}', expected: identifier`);
  const key = first.text;
  const keyMessages = isQualifiedName(key);
  if (keyMessages.length > 0) throw refused(fieldText("<nil>", key, keyMessages.join("; ")));
  if (negated) return { key, operator: "!", values: [] };
  if (peek().kind === "end" || isSymbol(peek(), ",")) return { key, operator: "exists", values: [] };
  const word = take();
  const operator = Object.hasOwn(BINARY_OPERATORS, word.text) ? BINARY_OPERATORS[word.text] : undefined;
  if (operator === undefined) throw refused(`found '${word.text}', expected: in, notin, =, ==, !=, gt, lt`);
  const values = operator === "in" || operator === "notin" ? parseValues(peek, take) : parseValue(peek, take);
  checkValues(key, operator, values);
  return { key, operator, values };
}

function parseValue(peek: () => Token, take: () => Token): string[] {
  if (peek().kind === "end" || isSymbol(peek(), ",")) return [""];
  const token = take();
  if (token.kind !== "identifier") throw refused(`found '${token.text}', expected: identifier`);
  return [token.text];
}

/** `(a, b)`; an empty place is the empty value, so `()` selects it. */
function parseValues(peek: () => Token, take: () => Token): string[] {
  const open = take();
  if (!isSymbol(open, "(")) throw refused(`found '${open.text}' expected: '('`);
  const values = new Set<string>();
  if (peek().kind !== "identifier" && !isSymbol(peek(), ",") && !isSymbol(peek(), ")")) {
    throw refused(`found '${peek().text}', expected: ',', ')' or identifier`);
  }
  let expectsValue = true;
  for (;;) {
    const token = take();
    if (token.kind === "identifier") {
      values.add(token.text);
      expectsValue = false;
      if (!isSymbol(peek(), ",") && !isSymbol(peek(), ")")) {
        throw refused(`found '${peek().text}', expected: ',' or ')'`);
      }
    } else if (isSymbol(token, ",")) {
      if (expectsValue) values.add("");
      expectsValue = true;
    } else if (isSymbol(token, ")")) {
      if (expectsValue) values.add("");
      return [...values].sort();
    } else throw refused(`found '${token.text}', expected: ',', or identifier`);
  }
}

function checkValues(key: string, operator: LabelOperator, values: readonly string[]): void {
  values.forEach((value, i) => {
    if (operator === "gt" || operator === "lt") {
      if (!/^[+-]?[0-9]+$/.test(value)) {
        const detail = "for 'Gt', 'Lt' operators, the value must be an integer";
        throw refused(fieldText(`values[${i}]`, value, detail));
      }
      return;
    }
    const messages = isLabelValue(value);
    if (messages.length > 0) throw refused(fieldText(`values[${i}][${key}]`, value, messages.join("; ")));
  });
}

function isSymbol(token: Token, text: string): boolean {
  return token.kind === "symbol" && token.text === text;
}

function fieldText(path: string, value: string, detail: string): string {
  return `${path}: ${invalid(path, value, detail).message}`;
}

function refused(why: string): Error {
  return badRequest(`unable to parse requirement: ${why}`);
}

/** Symbols are read greedily (`!=` before `!`); everything else up to a space or symbol is an identifier. */
function tokenise(text: string): Token[] {
  const tokens: Token[] = [];
  for (let i = 0; i < text.length; ) {
    if (/\s/.test(text[i]!)) {
      i++;
    } else if (SYMBOLS.has(text[i]!)) {
      const two = text.slice(i, i + 2);
      const symbol = SYMBOLS.has(two) ? two : text[i]!;
      tokens.push({ kind: "symbol", text: symbol });
      i += symbol.length;
    } else {
      const start = i;
      while (i < text.length && !/[\s=!(),<>]/.test(text[i]!)) i++;
      tokens.push({ kind: "identifier", text: text.slice(start, i) });
    }
  }
  tokens.push({ kind: "end", text: "" });
  return tokens;
}
