import type { Change } from "./change.ts";

/** A change in a few words, for tables of tests and for logs: `create Pod web-`, `Normal SuccessfulDelete …`. */
export function inWords(change: Change): string {
  switch (change.do) {
    case "create":
    case "update":
    case "patch":
    case "delete": {
      const { name, generateName } = change.object.metadata ?? {};
      return `${change.do} ${change.kind.kind} ${name ?? generateName}`;
    }
    case "delete all":
      return `delete all ${change.kind.plural} in ${change.namespace}`;
    case "note":
      return `${change.note.type} ${change.note.reason} ${change.note.message}`;
    case "slow start":
    case "together":
      return `${change.do}: ${change.changes.map(inWords).join(", ")}`;
    case "status":
      return `status ${change.kind.kind}`;
    case "again":
      return `again in ${change.afterMs} ms`;
    case "retry":
      return `retry: ${change.why}`;
    default:
      return change satisfies never;
  }
}
