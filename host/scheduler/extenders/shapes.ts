import { isObject } from "../../apimachinery/copy.ts";

/** What an extender answers is not what it should be. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
}

/** Nodes that an extender took off the list, with its words; undefined lists: it answered in the other form. */
export interface FilterResult {
  readonly nodeNames: readonly string[] | undefined;
  readonly nodes: readonly string[] | undefined;
  readonly failed: ReadonlyMap<string, string>;
  readonly unresolvable: ReadonlyMap<string, string>;
  readonly error: string;
}

/** Victims of a node, by uid. */
export interface MetaVictims {
  readonly uids: readonly string[];
  readonly violations: number;
}

/**
 * The answers of extenders. Go has no JSON tags on them: their fields are Go's own names, read whatever their case, and a
 * value of another type makes the whole answer bad. Source: k8s.io/kube-scheduler/extender/v1.
 */
export function readFilterResult(value: unknown): FilterResult {
  const type = "ExtenderFilterResult";
  const result = object(value, type);
  const nodes = field(result, "Nodes");
  const items = nodes == null ? undefined : field(object(nodes, `${type}.Nodes`), "items");
  return {
    nodeNames: strings(field(result, "NodeNames"), `${type}.NodeNames`),
    nodes:
      nodes == null
        ? undefined
        : list(items ?? [], `${type}.Nodes.items`).map((node) => nodeName(node, `${type}.Nodes.items`)),
    failed: texts(field(result, "FailedNodes"), `${type}.FailedNodes`),
    unresolvable: texts(field(result, "FailedAndUnresolvableNodes"), `${type}.FailedAndUnresolvableNodes`),
    error: text(field(result, "Error"), `${type}.Error`),
  };
}

/** Node -> score. */
export function readHostPriorities(value: unknown): ReadonlyMap<string, number> {
  const type = "HostPriorityList";
  return new Map(
    list(value ?? [], type).map((one) => {
      const entry = object(one, type);
      return [text(field(entry, "Host"), `${type}.Host`), whole(field(entry, "Score"), `${type}.Score`)];
    }),
  );
}

export function readBindingResult(value: unknown): string {
  const type = "ExtenderBindingResult";
  return text(field(object(value, type), "Error"), `${type}.Error`);
}

/** Node -> its victims. */
export function readPreemptionResult(value: unknown): ReadonlyMap<string, MetaVictims> {
  const type = "ExtenderPreemptionResult";
  const nodes = field(object(value, type), "NodeNameToMetaVictims");
  return readMetaVictims(nodes, `${type}.NodeNameToMetaVictims`);
}

export function readMetaVictims(value: unknown, type: string): ReadonlyMap<string, MetaVictims> {
  return new Map(
    Object.entries(object(value, type)).map(([node, one]) => {
      const victims = object(one, type);
      const pods = list(field(victims, "Pods") ?? [], `${type}.Pods`);
      return [
        node,
        {
          uids: pods.map((pod) => text(field(object(pod, `${type}.Pods`), "UID"), `${type}.UID`)),
          violations: whole(field(victims, "NumPDBViolations"), `${type}.NumPDBViolations`),
        },
      ];
    }),
  );
}

/** A field by Go's name: as it is written, else the last that differs in case alone. */
export function field(value: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(value, name)) return value[name];
  const lower = name.toLowerCase();
  return Object.entries(value)
    .filter(([key]) => key.toLowerCase() === lower)
    .at(-1)?.[1];
}

/** Absent and null are nothing, as in Go. */
export function object(value: unknown, type: string): Readonly<Record<string, unknown>> {
  if (value == null) return {};
  return isObject(value) ? value : wrong(value, type, "object");
}

export function strings(value: unknown, type: string): readonly string[] | undefined {
  return value == null ? undefined : list(value, type).map((one) => text(one, type));
}

export function nodeName(value: unknown, type: string): string {
  return text(field(object(field(object(value, type), "metadata"), type), "name"), `${type}.metadata.name`);
}

export function list(value: unknown, type: string): readonly unknown[] {
  return Array.isArray(value) ? value : wrong(value, type, "list");
}

export function text(value: unknown, type: string): string {
  if (value == null) return "";
  return typeof value === "string" ? value : wrong(value, type, "string");
}

function whole(value: unknown, type: string): number {
  if (value == null) return 0;
  return Number.isSafeInteger(value) ? (value as number) : wrong(value, type, "int64");
}

function texts(value: unknown, type: string): ReadonlyMap<string, string> {
  return new Map(Object.entries(object(value, type)).map(([node, why]) => [node, text(why, type)]));
}

function wrong(value: unknown, type: string, wanted: string): never {
  const got = Array.isArray(value) ? "array" : typeof value;
  throw new ShapeError(`json: cannot unmarshal ${got} into Go struct field ${type} of type ${wanted}`);
}
