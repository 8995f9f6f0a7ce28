import { type FieldError, invalid } from "../apimachinery/field-error.ts";
import { milliValue, parseQuantity, QuantityError, value } from "../apimachinery/quantity.ts";

/**
 * Amounts by resource name: cpu in 1/1000 core, all else in whole units, both rounded up. Amounts above 2^53 are near
 * enough: they are more than any node may have, so they fit nowhere.
 */
export type Amounts = Map<string, number>;

/** Reads a resource list; a quantity that is malformed or negative is an error of its field, and counts as 0. */
export function readResources(
  list: Readonly<Record<string, string>> | undefined,
  field: string,
  errors: FieldError[],
): Amounts {
  const amounts: Amounts = new Map();
  if (list === undefined || list === null) return amounts;
  for (const [name, text] of Object.entries(list)) {
    const where = `${field}[${name}]`;
    const amount = readAmount(name, text, where, errors);
    amounts.set(name, amount);
  }
  return amounts;
}

function readAmount(name: string, text: unknown, field: string, errors: FieldError[]): number {
  try {
    const quantity = parseQuantity(String(text));
    const amount = Number(name === "cpu" ? milliValue(quantity) : value(quantity));
    if (amount >= 0) return amount;
    errors.push(invalid(field, text, "must be greater than or equal to 0"));
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error;
    errors.push(invalid(field, text, error.message));
  }
  return 0;
}

export function addAmounts(target: Amounts, other: Amounts): void {
  for (const [name, amount] of other) target.set(name, (target.get(name) ?? 0) + amount);
}

/** Raises each amount of the target to the other's, where that is more. */
export function raiseAmounts(target: Amounts, other: Amounts): void {
  for (const [name, amount] of other) target.set(name, Math.max(target.get(name) ?? 0, amount));
}
