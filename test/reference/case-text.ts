import { parse, stringify } from "yaml";
import type { Case } from "./session.ts";

/** A case as text: a file of test/reference/cases/ is one. */
export function inYaml({ config, steps }: Case): string {
  return stringify({ ...(config ? { config } : {}), steps }, { aliasDuplicateObjects: false, lineWidth: 0 });
}

export function fromYaml(text: string): Case {
  return parse(text) as Case;
}
