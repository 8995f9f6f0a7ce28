/**
 * JSON text, read as Go reads it: the value by the engine's own parser, the errors in the words of encoding/json, keys
 * given twice by a scan of their own, made only when the value shows fewer keys than the text.
 */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
}

/**
 * Deeper documents are refused. Go stops at 10,000; our walks are recursive and far from the stack's end at this depth,
 * where V8 may end the whole process (it compiles a regular expression and finds no stack left).
 */
export const MAX_DEPTH = 250;

/** The value of a JSON text. Throws JsonSyntaxError with Go's words. */
export function parseJson(text: string): unknown {
  return parseCountedJson(text).value;
}

/** The same, with the number of keys in all objects of the value. */
export function parseCountedJson(text: string): { readonly value: unknown; readonly keys: number } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new JsonSyntaxError(goSyntaxError(text));
  }
  return { value, keys: countKeys(value) };
}

/** Counts the keys of all objects in a value. Throws JsonSyntaxError when it is nested too deeply, or in itself. */
export function countKeys(value: unknown, depth = 0): number {
  if (typeof value !== "object" || value === null) return 0;
  if (depth > MAX_DEPTH) throw new JsonSyntaxError("exceeded max depth");
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += countKeys(item, depth + 1);
    return count;
  }
  for (const key of Object.keys(value)) {
    count += 1 + countKeys((value as Record<string, unknown>)[key], depth + 1);
  }
  return count;
}

/**
 * Paths of keys that a valid JSON text gives more than once (`data.a`, `spec.containers[0].name`), in the text's order,
 * at most 100.
 *
 * @param keys  how many the value has that the text parsed to
 */
export function duplicateKeys(text: string, keys: number): string[] {
  let written = 0;
  const key = /"\s*:/g;
  while (key.test(text)) written++;
  return written === keys ? [] : new KeyScanner(text).scan();
}

/** Kubernetes stops counting here too. */
const MAX_DUPLICATES = 100;

/** Walks a text already known to be valid. */
class KeyScanner {
  private place = 0;
  private readonly duplicates = new Set<string>();

  constructor(private readonly text: string) {}

  scan(): string[] {
    this.value("");
    return [...this.duplicates];
  }

  private value(path: string): void {
    this.space();
    const char = this.text[this.place];
    if (char === "{") this.object(path);
    else if (char === "[") this.array(path);
    else if (char === '"') this.string();
    else while (this.place < this.text.length && !/[\s,\]}]/.test(this.text[this.place]!)) this.place++;
  }

  private object(path: string): void {
    const seen = new Set<string>();
    this.place++;
    for (;;) {
      this.space();
      const char = this.text[this.place];
      if (char === "}" || char === undefined) break;
      if (char === ",") {
        this.place++;
        continue;
      }
      const key = this.string();
      const here = path === "" ? key : `${path}.${key}`;
      if (seen.has(key) && this.duplicates.size < MAX_DUPLICATES) this.duplicates.add(here);
      seen.add(key);
      this.space();
      this.place++;
      this.value(here);
    }
    this.place++;
  }

  private array(path: string): void {
    this.place++;
    for (let i = 0; ; ) {
      this.space();
      const char = this.text[this.place];
      if (char === "]" || char === undefined) break;
      if (char === ",") {
        this.place++;
        i++;
        continue;
      }
      this.value(`${path}[${i}]`);
    }
    this.place++;
  }

  private string(): string {
    const start = this.place++;
    while (this.text[this.place] !== '"') this.place += this.text[this.place] === "\\" ? 2 : 1;
    this.place++;
    return JSON.parse(this.text.slice(start, this.place)) as string;
  }

  private space(): void {
    while (/[\s]/.test(this.text[this.place] ?? "x")) this.place++;
  }
}

const END = "unexpected end of JSON input";

/** What encoding/json says of a text that JSON.parse refused. Works on bytes, as Go does. */
export function goSyntaxError(text: string): string {
  const bytes = Buffer.from(text).toString("latin1");
  const scanner = new SyntaxScanner(bytes);
  try {
    scanner.document();
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error.message;
    throw error;
  }
  return END;
}

/** The grammar once more, only to find the first byte that breaks it; nesting is a list, so depth is no danger. */
class SyntaxScanner {
  private place = 0;

  constructor(private readonly text: string) {}

  document(): void {
    const open: ("{" | "[")[] = [];
    for (;;) {
      const opened = this.beginValue();
      if (opened) {
        open.push(opened);
        if (open.length > MAX_DEPTH) throw new JsonSyntaxError("exceeded max depth");
        const close = opened === "{" ? "}" : "]";
        if (this.peek() !== close) {
          if (opened === "{") this.key();
          continue;
        }
        this.place++;
        open.pop();
      }
      if (!this.endValue(open)) return;
    }
  }

  /** After a value: closes what ends here. True when another value follows. */
  private endValue(open: ("{" | "[")[]): boolean {
    for (;;) {
      const inside = open.at(-1);
      const char = this.peek();
      if (inside === undefined) {
        if (char !== undefined) throw this.invalid("after top-level value");
        return false;
      }
      if (char === undefined) throw new JsonSyntaxError(END);
      if (char === ",") {
        this.place++;
        if (inside === "{") this.key();
        return true;
      }
      if (char !== (inside === "{" ? "}" : "]")) {
        throw this.invalid(inside === "{" ? "after object key:value pair" : "after array element");
      }
      this.place++;
      open.pop();
    }
  }

  private beginValue(): "{" | "[" | undefined {
    const char = this.peek();
    if (char === undefined) throw new JsonSyntaxError(END);
    if (char === "{" || char === "[") {
      this.place++;
      return char;
    }
    if (char === '"') this.string();
    else if (char === "t") this.literal("true");
    else if (char === "f") this.literal("false");
    else if (char === "n") this.literal("null");
    else if (/[-0-9]/.test(char)) this.number();
    else throw this.invalid("looking for beginning of value");
    return undefined;
  }

  private key(): void {
    const char = this.peek();
    if (char === undefined) throw new JsonSyntaxError(END);
    if (char !== '"') throw this.invalid("looking for beginning of object key string");
    this.string();
    const colon = this.peek();
    if (colon === undefined) throw new JsonSyntaxError(END);
    if (colon !== ":") throw this.invalid("after object key");
    this.place++;
  }

  private string(): void {
    this.place++;
    for (;;) {
      const char = this.next();
      if (char === '"') return;
      if (char < " ") throw this.invalid("in string literal", -1);
      if (char !== "\\") continue;
      const escaped = this.next();
      if (escaped === "u") {
        for (let i = 0; i < 4; i++) {
          if (!/[0-9a-fA-F]/.test(this.next())) throw this.invalid("in \\u hexadecimal character escape", -1);
        }
      } else if (!'"\\/bfnrt'.includes(escaped)) throw this.invalid("in string escape code", -1);
    }
  }

  private literal(word: string): void {
    for (const expected of word) {
      if (this.next() !== expected) throw this.invalid(`in literal ${word} (expecting '${expected}')`, -1);
    }
  }

  private number(): void {
    if (this.text[this.place] === "-") {
      this.place++;
      this.digit("in numeric literal");
    } else this.place++;
    if (this.text[this.place - 1] !== "0") this.digits();
    if (this.text[this.place] === ".") {
      this.place++;
      this.digit("after decimal point in numeric literal");
      this.digits();
    }
    if (/[eE]/.test(this.text[this.place] ?? "")) {
      this.place++;
      if (/[-+]/.test(this.text[this.place] ?? "")) this.place++;
      this.digit("in exponent of numeric literal");
      this.digits();
    }
  }

  private digit(context: string): void {
    if (!/[0-9]/.test(this.next())) throw this.invalid(context, -1);
  }

  private digits(): void {
    while (/[0-9]/.test(this.text[this.place] ?? "")) this.place++;
  }

  private peek(): string | undefined {
    while (/[ \t\r\n]/.test(this.text[this.place] ?? "x")) this.place++;
    return this.text[this.place];
  }

  private next(): string {
    const char = this.text[this.place++];
    if (char === undefined) throw new JsonSyntaxError(END);
    return char;
  }

  private invalid(context: string, offset = 0): JsonSyntaxError {
    return new JsonSyntaxError(`invalid character ${quoteChar(this.text[this.place + offset]!)} ${context}`);
  }
}

/** A byte as Go prints it in these errors. */
function quoteChar(char: string): string {
  if (char === "'") return "'\\''";
  if (char === '"') return "'\"'";
  const code = char.charCodeAt(0);
  const names: Record<string, string> = {
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    "\b": "\\b",
    "\f": "\\f",
    "\\": "\\\\",
  };
  if (names[char]) return `'${names[char]}'`;
  if (code < 0x20 || code === 0x7f) return `'\\x${code.toString(16).padStart(2, "0")}'`;
  if (code >= 0x80 && code < 0xa1) return `'\\u${code.toString(16).padStart(4, "0")}'`;
  return `'${char}'`;
}
