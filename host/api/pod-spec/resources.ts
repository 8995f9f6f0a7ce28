import {
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from "../../apimachinery/field-error.ts";
import { isQualifiedName } from "../../apimachinery/names.ts";
import {
  compareQuantity,
  formatQuantity,
  milliValue,
  parseQuantity,
  quantityOf,
} from "../../apimachinery/quantity.ts";
import { checked } from "../field-checks.ts";
import type { V1PodSpec, V1ResourceRequirements } from "../generated/types.ts";
import { podAmounts } from "./amounts.ts";

const CONTAINER_RESOURCES: readonly string[] = ["cpu", "memory", "ephemeral-storage"];
/** Names without a domain that mean something to quotas, if not to containers. */
const OTHER_STANDARD: readonly string[] = [
  "pods",
  "services",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "storage",
  "requests.cpu",
  "requests.memory",
  "requests.storage",
  "requests.ephemeral-storage",
  "limits.cpu",
  "limits.memory",
  "limits.ephemeral-storage",
  "services.nodeports",
  "services.loadbalancers",
];
const POD_RESOURCES: readonly string[] = ["cpu", "hugepages-", "memory"];

function isHugePages(name: string): boolean {
  return name.startsWith("hugepages-");
}

/** Resources of Kubernetes itself, as against those that a device plugin advertises. */
function isNative(name: string): boolean {
  return !name.includes("/") || name.includes("kubernetes.io/");
}

/** A native resource can be promised twice; a device cannot. */
function mayOvercommit(name: string): boolean {
  return isNative(name) && !isHugePages(name);
}

/** `example.com/gpu`; also used by the rules for node capacities. */
export function isExtendedResource(name: string): boolean {
  return !isNative(name) && !name.startsWith("requests.") && isQualifiedName(`requests.${name}`).length === 0;
}

function validateName(field: string, name: string): FieldError[] {
  const errors = checked(field, name, isQualifiedName(name));
  if (errors.length > 0) return errors;
  if (name.includes("/")) {
    return isNative(name) || isExtendedResource(name)
      ? []
      : [invalid(field, name, "doesn't follow extended resource name standard")];
  }
  if (CONTAINER_RESOURCES.includes(name) || isHugePages(name)) return [];
  const unknown = OTHER_STANDARD.includes(name)
    ? []
    : [invalid(field, name, "must be a standard resource type or fully qualified")];
  return [...unknown, invalid(field, name, "must be a standard resource for containers")];
}

/** An amount of a resource: not negative, and whole where it is a count. */
export function validateAmount(field: string, name: string, text: string): FieldError[] {
  const quantity = parseQuantity(text);
  const errors =
    compareQuantity(quantity, quantityOf(0)) < 0
      ? [invalid(field, text, "must be greater than or equal to 0")]
      : [];
  const isCount = name === "pods" || isExtendedResource(name);
  if (isCount && BigInt(milliValue(quantity)) % 1000n !== 0n)
    errors.push(invalid(field, text, "must be an integer"));
  return errors;
}

/** Requests and limits of one container. Source: ValidateContainerResourceRequirements. */
export function validateContainerResources(
  field: string,
  { requests = {}, limits = {} }: V1ResourceRequirements,
): FieldError[] {
  const each = (which: "limits" | "requests", amounts: Readonly<Record<string, string>>) =>
    Object.entries(amounts).flatMap(([name, amount]) => [
      ...validateName(`${field}.${which}[${name}]`, name),
      ...validateAmount(`${field}.${which}[${name}]`, name, amount),
      ...(which === "requests" ? validateAgainstLimit(field, name, amount, limits[name]) : []),
    ]);
  const all = [...each("limits", limits), ...each("requests", requests)];
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.includes("cpu") && !names.includes("memory"))
    all.push(forbiddenField(field, "HugePages require cpu or memory"));
  return all;
}

function validateAgainstLimit(
  field: string,
  name: string,
  request: string,
  limit: string | undefined,
): FieldError[] {
  if (limit === undefined) {
    const why = "Limit must be set for non overcommitable resources";
    return mayOvercommit(name) ? [] : [required(`${field}.limits`, why)];
  }
  const order = compareQuantity(parseQuantity(request), parseQuantity(limit));
  if (order !== 0 && !mayOvercommit(name))
    return [invalid(`${field}.requests`, request, `must be equal to ${name} limit of ${limit}`)];
  return order > 0
    ? [invalid(`${field}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`)]
    : [];
}

/** Of the pod as a whole: only what containers can share, and no less than they ask for together. */
export function validatePodResources(
  field: string,
  { requests = {}, limits = {} }: V1ResourceRequirements,
  spec: V1PodSpec,
): FieldError[] {
  const unknown = (["limits", "requests"] as const).flatMap((which) =>
    Object.keys(which === "limits" ? limits : requests)
      .filter((name) => name !== "cpu" && name !== "memory" && !isHugePages(name))
      .map((name) => notSupported(`${field}.${which}[${name}]`, name, POD_RESOURCES)),
  );
  if (unknown.length > 0) return unknown;
  const { resources: _, overhead: __, ...containers } = spec;
  const together = podAmounts({ spec: containers }, "requests");
  const tooLittle = Object.entries(requests).flatMap(([name, amount]) => {
    const sum = together.get(name);
    if (sum === undefined || compareQuantity(parseQuantity(amount), sum) >= 0) return [];
    const why = `must be greater than or equal to aggregate container requests of ${formatQuantity(sum)}`;
    return [invalid(`${field}.requests[${name}]`, amount, why)];
  });
  return [...validateContainerResources(field, { requests, limits }), ...tooLittle];
}
