/** Types whose literals an expression may write: `Object{…}`, `Object.spec{…}`, `JSONPatch{…}`. */
const MESSAGE = /^(?:Object(?:\.\w+)*|JSONPatch)$/;

/** What a message literal is turned into a call of. */
export const MAKE_OBJECT = "celObject";
export const MAKE_JSON_PATCH = "celJsonPatch";

type Token = { readonly kind: "space" | "text" | "word" | "sign"; readonly text: string };

const TOKENS =
  /(?<space>\s+|\/\/[^\n]*)|(?<text>[rRbB]{0,2}(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))|(?<word>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(?<sign>[\s\S])/g;

function tokensOf(expression: string): Token[] {
  return [...expression.matchAll(TOKENS)].map(({ groups = {} }) => {
    const kind = (["space", "text", "word"] as const).find((one) => groups[one] !== undefined) ?? "sign";
    return { kind, text: groups[kind] ?? "" };
  });
}

/**
 * The expression with message literals as calls, since the library knows map literals alone:
 *
 *   Object{spec: Object.spec{replicas: 3}}
 *   celObject("Object", {"spec": celObject("Object.spec", {"replicas": 3})})
 */
export function withMessageLiterals(expression: string): string {
  if (!/\b(Object|JSONPatch)\b/.test(expression)) return expression;
  const tokens = tokensOf(expression);
  // Of each brace that is open: whether it is a message's. Other brackets stand between them and their fields.
  const open: ("message" | "other")[] = [];
  let written = "";
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    const next = nextSolid(tokens, at + 1);
    if (token.kind === "word" && MESSAGE.test(token.text) && tokens[next]?.text === "{") {
      written += callOf(token.text);
      open.push("message");
      at = next;
    } else if (token.kind === "word" && isFieldName(tokens, at, open)) {
      written += JSON.stringify(token.text);
    } else if (token.kind === "sign" && "{[(".includes(token.text)) {
      open.push("other");
      written += token.text;
    } else if (token.kind === "sign" && "}])".includes(token.text)) {
      written += open.pop() === "message" ? "})" : token.text;
    } else written += token.text;
  }
  return written;
}

function callOf(type: string): string {
  return type === "JSONPatch" ? `${MAKE_JSON_PATCH}({` : `${MAKE_OBJECT}(${JSON.stringify(type)}, {`;
}

/** A word between `{` or `,` and `:`, directly inside of a message. */
function isFieldName(tokens: readonly Token[], at: number, open: readonly string[]): boolean {
  if (open.at(-1) !== "message" || tokens[nextSolid(tokens, at + 1)]?.text !== ":") return false;
  let before = at - 1;
  while (tokens[before]?.kind === "space") before--;
  return ["{", ","].includes(tokens[before]?.text ?? "");
}

function nextSolid(tokens: readonly Token[], at: number): number {
  let next = at;
  while (tokens[next]?.kind === "space") next++;
  return next;
}
