import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  required,
} from "../apimachinery/field-error.ts";
import { compareQuantity, milliValue, parseQuantity } from "../apimachinery/quantity.ts";
import type { V1LimitRange, V1LimitRangeItem } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

type Amounts = Readonly<Record<string, string>>;

function isLess(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && compareQuantity(parseQuantity(a), parseQuantity(b)) < 0;
}

function validateItem(field: string, item: V1LimitRangeItem): FieldError[] {
  const errors: FieldError[] = [];
  const { type, min = {}, max = {}, defaultRequest = {}, maxLimitRequestRatio = {} } = item;
  const usual: Amounts = item.default ?? {};
  if (type === "Pod") {
    const why = "may not be specified when `type` is 'Pod'";
    if (item.default) errors.push(forbiddenField(`${field}.default`, why));
    if (item.defaultRequest) errors.push(forbiddenField(`${field}.defaultRequest`, why));
  }
  if (type === "PersistentVolumeClaim" && !("storage" in min) && !("storage" in max)) {
    const why = "either minimum or maximum storage value is required, but neither was provided";
    errors.push(required(`${field}.limits`, why));
  }
  for (const name of Object.keys({ ...min, ...max, ...usual, ...defaultRequest, ...maxLimitRequestRatio }))
    errors.push(...validateResource(field, name, { min, max, usual, defaultRequest, maxLimitRequestRatio }));
  return errors;
}

interface Bounds {
  readonly min: Amounts;
  readonly max: Amounts;
  readonly usual: Amounts;
  readonly defaultRequest: Amounts;
  readonly maxLimitRequestRatio: Amounts;
}

/** What is asked by default lies between least and most, and what is given by default lies above it. */
function validateResource(field: string, name: string, bounds: Bounds): FieldError[] {
  const min = bounds.min[name];
  const max = bounds.max[name];
  const usual = bounds.usual[name];
  const request = bounds.defaultRequest[name];
  const ratio = bounds.maxLimitRequestRatio[name];
  const rules: readonly (readonly [string, string | undefined, string, string | undefined, string])[] = [
    ["min", min, "min value", max, "max value"],
    ["defaultRequest", request, "default request value", max, "max value"],
    ["defaultRequest", request, "default request value", usual, "default limit value"],
    ["default", usual, "default value", max, "max value"],
  ];
  const errors = rules.flatMap(([where, value, what, limit, whose]) =>
    isLess(limit, value)
      ? [invalid(`${field}.${where}[${name}]`, value, `${what} ${value} is greater than ${whose} ${limit}`)]
      : [],
  );
  if (isLess(request, min))
    errors.push(
      invalid(
        `${field}.defaultRequest[${name}]`,
        request,
        `min value ${min} is greater than default request value ${request}`,
      ),
    );
  if (isLess(usual, min))
    errors.push(
      invalid(`${field}.default[${name}]`, usual, `min value ${min} is greater than default value ${usual}`),
    );
  return [...errors, ...validateRatio(`${field}.maxLimitRequestRatio[${name}]`, ratio, min, max)];
}

function validateRatio(
  field: string,
  ratio: string | undefined,
  min: string | undefined,
  max: string | undefined,
): FieldError[] {
  if (ratio === undefined) return [];
  if (isLess(ratio, "1")) return [invalid(field, ratio, `ratio ${ratio} is less than 1`)];
  if (min === undefined || max === undefined) return [];
  const widest = Number(milliValue(parseQuantity(max))) / Number(milliValue(parseQuantity(min)));
  const asked = Number(milliValue(parseQuantity(ratio))) / 1000;
  return asked > widest
    ? [invalid(field, ratio, `ratio ${ratio} is greater than max/min = ${widest.toFixed(6)}`)]
    : [];
}

/** Source: api-policy 5.5, 6.5. */
export const limitRangeRules: KindRules<V1LimitRange> = {
  defaults({ spec }) {
    for (const item of spec?.limits ?? []) {
      if (item.type !== "Container") continue;
      const limits = { ...item.max, ...item.default };
      const requests = { ...item.min, ...limits, ...item.defaultRequest };
      if (Object.keys(limits).length > 0) item.default = limits;
      if (Object.keys(requests).length > 0) item.defaultRequest = requests;
    }
  },
  validate({ spec }) {
    const types = new Set<string>();
    return (spec?.limits ?? []).flatMap((item, index) => {
      const field = `spec.limits[${index}]`;
      const errors = types.has(item.type) ? [duplicate(`${field}.type`, item.type)] : [];
      types.add(item.type);
      return [...errors, ...validateItem(field, item)];
    });
  },
};
