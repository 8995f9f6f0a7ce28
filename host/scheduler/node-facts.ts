import type { V1Node, V1Taint } from "../api/generated/types.ts";
import { type FieldError, invalidObject, required } from "../apimachinery/field-error.ts";
import { checkAmount } from "./capacity.ts";
import { readDeclaredFeatures } from "./declared-features.ts";
import { type NodeImage, readNodeImages } from "./images.ts";
import { type Amounts, readResources } from "./resource-list.ts";
import { isScalarResource } from "./resource-names.ts";

/** What decisions need of a node, read once when it changes. */
export interface NodeFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly V1Taint[];
  readonly unschedulable: boolean;
  /** Of the features that its kubelet declares those that scheduling looks at. */
  readonly features: readonly string[];
  readonly images: readonly NodeImage[];
  readonly allocatable: Amounts;
  /** The allocatable extended resources: names that the core holds in columns. */
  readonly extended: Amounts;
}

const NODES = { group: "", plural: "nodes", kind: "Node" };

/**
 * Reads a node. Allocatable defaults to capacity, as the API server does; a node with neither is a mistake (write
 * `allocatable: {}` for one that really offers nothing).
 *
 * @throws ApiError 422 with every bad field, or CapacityError
 */
export function readNode(node: V1Node): NodeFacts {
  const errors: FieldError[] = [];
  const name = node.metadata?.name ?? "";
  if (name === "") errors.push(required("metadata.name"));
  const list = node.status?.allocatable ?? node.status?.capacity;
  const field = node.status?.allocatable ? "status.allocatable" : "status.capacity";
  if (list === undefined) errors.push(required("status.allocatable"));
  const allocatable = readResources(list, field, errors);
  if (errors.length > 0) throw invalidObject(NODES, name, errors);
  for (const [resource, amount] of allocatable) checkAmount(`Node "${name}": ${field}`, resource, amount);
  return {
    name,
    labels: node.metadata?.labels ?? {},
    taints: node.spec?.taints ?? [],
    unschedulable: node.spec?.unschedulable === true,
    features: readDeclaredFeatures(node),
    images: readNodeImages(node),
    allocatable,
    extended: new Map([...allocatable].filter(([resource]) => isScalarResource(resource))),
  };
}
