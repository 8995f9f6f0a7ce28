import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  type Tags,
  type YAMLParseError,
} from "yaml";
import { countKeys, JsonSyntaxError, MAX_DEPTH } from "./json-text.ts";

/** YAML text, read as sigs.k8s.io/yaml reads it (YAML 1.1, without times), on its way to being JSON. */
export class YamlSyntaxError extends Error {
  override readonly name = "YamlSyntaxError";
}

export interface YamlText {
  readonly value: unknown;
  /** Keys a map gives more than once; the last one counts. */
  readonly repeated: readonly { readonly key: string; readonly line: number }[];
}

/** Aliases may multiply one anchor's content at most this often (the "billion laughs" attack). */
const MAX_ALIAS_EXPANSION = 100;

/** Resolving an alias costs a walk over all others; more than this many are refused. */
const MAX_ALIASES = 5_000;

/** The first document of a text; null for none. Throws YamlSyntaxError in go-yaml's words, as far as they can be told. */
export function readYaml(text: string): YamlText {
  const lines = new LineCounter();
  const composer = new Composer({
    version: "1.1",
    merge: true,
    // The library compares each key with all before it; `survey` does it with a set.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
    customTags: kubernetesTags,
  });
  const document = composer.compose(shallowTokens(text, lines)).next().value;
  if (!document) return { value: null, repeated: [] };
  const fatal = document.errors[0];
  if (fatal) throw new YamlSyntaxError(goYamlError(fatal, lines));
  const repeated = survey(document, lines);
  return { value: toValue(document), repeated };
}

/**
 * The tokens of a text. Composing them is recursive, so nesting is bounded here, where it is still a list: a stack that
 * runs out inside the library ends the process.
 */
function* shallowTokens(text: string, lines: LineCounter): Generator<CST.Token, void> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > MAX_DEPTH) throw new YamlSyntaxError("yaml: exceeded max depth");
  }
  yield* parser.end();
}

/** yes and on are booleans, 0777 is octal; but times, sets and the like stay text. */
function kubernetesTags(tags: Tags): Tags {
  const absent = ["timestamp", "set", "omap", "pairs", "binary"].map((name) => `tag:yaml.org,2002:${name}`);
  return tags.filter(
    (tag) =>
      typeof tag === "string" || (!absent.includes(tag.tag) && !("format" in tag && tag.format === "TIME")),
  );
}

/** Walks all nodes once: finds the keys given twice, and refuses too many aliases. */
function survey(document: Document.Parsed, lines: LineCounter): { key: string; line: number }[] {
  const repeated: { key: string; line: number }[] = [];
  let aliases = 0;
  const open: unknown[] = [document.contents];
  while (open.length > 0) {
    const node = open.pop();
    if (isAlias(node)) aliases++;
    else if (isPair(node)) open.push(node.value, node.key);
    else if (isSeq(node)) pushReversed(open, node.items);
    else if (isMap(node)) {
      const seen = new Set<string>();
      for (const { key } of node.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (seen.has(name) && name !== "<<") {
          repeated.push({ key: name, line: lines.linePos(key.range?.[0] ?? 0).line });
        }
        seen.add(name);
      }
      pushReversed(open, node.items);
    }
  }
  if (aliases > MAX_ALIASES) throw new YamlSyntaxError("yaml: document contains excessive aliasing");
  return repeated;
}

/** So that the first is taken next. Not a spread: there may be more items than a call may have arguments. */
function pushReversed(open: unknown[], items: readonly unknown[]): void {
  for (let i = items.length - 1; i >= 0; i--) open.push(items[i]);
}

function toValue(document: Document.Parsed): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIAS_EXPANSION });
    countKeys(value);
    return value;
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new YamlSyntaxError("yaml: exceeded max depth");
    if (!(error instanceof ReferenceError)) throw error;
    const unknown = /^Unresolved alias.*: (.*)$/.exec(error.message)?.[1];
    throw new YamlSyntaxError(
      unknown === undefined
        ? "yaml: document contains excessive aliasing"
        : `yaml: unknown anchor '${unknown}' referenced`,
    );
  }
}

const GO_YAML_WORDS: Readonly<Record<string, string>> = {
  BLOCK_AS_IMPLICIT_KEY: "mapping values are not allowed in this context",
  TAB_AS_INDENT: "found character that cannot start any token",
  MISSING_CHAR: "could not find expected ':'",
  BAD_INDENT: "did not find expected key",
  UNEXPECTED_TOKEN: "did not find expected node content",
};

/** go-yaml leaves the line out when it is the first. */
function goYamlError(error: YAMLParseError, lines: LineCounter): string {
  const { line } = lines.linePos(error.pos[0]);
  const words = /quote/.test(error.message) ? "found unexpected end of stream" : GO_YAML_WORDS[error.code];
  return `yaml: ${line > 1 ? `line ${line}: ` : ""}${words ?? error.message}`;
}
