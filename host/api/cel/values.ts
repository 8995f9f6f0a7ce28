import { isObject } from "../../apimachinery/copy.ts";

/** Whole numbers are CEL's `int`, which the library knows as BigInt. */
export function wholeNumber(value: unknown): unknown {
  return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : value;
}

/** JSON as a value of no declared type: whole numbers all the way down, objects as maps. */
export function celValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(celValue);
  if (!isObject(value)) return wholeNumber(value);
  return new Map(Object.entries(value).map(([key, one]) => [key, celValue(one)]));
}
