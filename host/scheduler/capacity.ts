import type { CapacityName } from "../wasm/scheduler-facts.ts";
import type { PodRequests } from "./pod-requests.ts";

/**
 * Something is more than the scheduler can hold. Nothing of the change was applied; the message names what to raise, or
 * the field that is too large.
 */
export class CapacityError extends Error {
  override readonly name = "CapacityError";

  /** @param dimension  of the core's tables, if it is one that is full */
  constructor(
    message: string,
    readonly dimension?: CapacityName,
  ) {
    super(message);
  }
}

/** The largest amounts that a node may offer or a bound pod may take; below them the core's arithmetic is exact. */
export const MAX_MILLI_CPU = 2 ** 31 - 1;
export const MAX_AMOUNT = 2 ** 46;
export const MAX_PODS = 2 ** 31 - 1;

/** Throws for an amount that the tables cannot hold. */
export function checkAmount(where: string, resource: string, amount: number): void {
  const limit = resource === "cpu" ? MAX_MILLI_CPU : resource === "pods" ? MAX_PODS : MAX_AMOUNT;
  if (amount > limit) {
    const unit = resource === "cpu" ? "m" : "";
    throw new CapacityError(
      `${where}[${resource}]: ${amount}${unit} is more than the ${limit}${unit} a scheduler can count`,
    );
  }
}

/** Refuses a pod whose amounts the core cannot count. */
export function checkUsage(where: string, pod: PodRequests): void {
  for (const [name, amount] of [...pod.requests, ...pod.nonZero]) checkAmount(where, name, amount);
}
