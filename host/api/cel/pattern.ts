import { RE2JS } from "re2js";

const compiled = new Map<string, RE2JS>();
/** Patterns kept; a definition that is gone leaves its own behind, so there is a bound. */
const MAX_PATTERNS = 10_000;

/** A pattern as Go reads it (RE2): its time grows with the text alone, whatever the pattern. Throws when it is none. */
export function patternOf(pattern: string): RE2JS {
  let known = compiled.get(pattern);
  if (known === undefined) {
    known = RE2JS.compile(pattern);
    if (compiled.size >= MAX_PATTERNS) compiled.clear();
    compiled.set(pattern, known);
  }
  return known;
}
