import { duplicate, type FieldError, invalid, required, tooMany } from "../apimachinery/field-error.ts";
import { isDns1123Label, isDns1123Subdomain } from "../apimachinery/names.ts";
import { named, oneOf } from "./field-checks.ts";
import type {
  ResourceV1ResourceClaim,
  V1DeviceRequest,
  V1DeviceSubRequest,
  V1ExactDeviceRequest,
  V1ResourceSlice,
} from "./generated/types.ts";

/** Source: k8s.io/kubernetes/pkg/apis/resource/validation. */
const MAX_REQUESTS = 32;
const MAX_ALTERNATIVES = 8;
const MAX_DEVICES = 128;

export function validateClaimSpec(field: string, { devices }: ResourceV1ResourceClaim["spec"]): FieldError[] {
  const { requests = [], constraints = [] } = devices ?? {};
  const at = `${field}.devices`;
  const names = new Set(
    requests.flatMap(({ name, firstAvailable = [] }) => [
      name,
      ...firstAvailable.map((one) => `${name}/${one.name}`),
    ]),
  );
  return [
    ...limited(`${at}.requests`, requests, MAX_REQUESTS),
    ...unique(`${at}.requests`, requests),
    ...requests.flatMap((request, index) => validateRequest(`${at}.requests[${index}]`, request)),
    ...constraints.flatMap((constraint, index) =>
      (constraint.requests ?? []).flatMap((name, i) =>
        names.has(name)
          ? []
          : [
              invalid(
                `${at}.constraints[${index}].requests[${i}]`,
                name,
                "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
              ),
            ],
      ),
    ),
  ];
}

function validateRequest(field: string, request: V1DeviceRequest): FieldError[] {
  const { exactly, firstAvailable = [] } = request;
  const errors = named(`${field}.name`, request.name, isDns1123Label);
  const which = "exactly one of `exactly` or `firstAvailable` is required";
  if (exactly === undefined && firstAvailable.length === 0) return [...errors, required(field, which)];
  if (exactly !== undefined && firstAvailable.length > 0)
    return [...errors, invalid(field, null, `${which}, but multiple fields are set`)];
  if (exactly !== undefined) return [...errors, ...validateExact(`${field}.exactly`, exactly)];
  return [
    ...errors,
    ...limited(`${field}.firstAvailable`, firstAvailable, MAX_ALTERNATIVES),
    ...unique(`${field}.firstAvailable`, firstAvailable),
    ...firstAvailable.flatMap((one, index) => [
      ...named(`${field}.firstAvailable[${index}].name`, one.name, isDns1123Label),
      ...validateExact(`${field}.firstAvailable[${index}]`, one),
    ]),
  ];
}

function validateExact(field: string, request: V1ExactDeviceRequest | V1DeviceSubRequest): FieldError[] {
  const { deviceClassName, allocationMode, count } = request;
  const errors = [
    ...named(`${field}.deviceClassName`, deviceClassName, isDns1123Subdomain),
    ...oneOf(`${field}.allocationMode`, allocationMode, ["All", "ExactCount"]),
  ];
  if (allocationMode === "All" && count)
    errors.push(invalid(`${field}.count`, count, "must not be specified when allocationMode is 'All'"));
  if (allocationMode === "ExactCount" && (count ?? 0) <= 0)
    errors.push(invalid(`${field}.count`, count ?? 0, "must be greater than zero"));
  return errors;
}

export function validateSlice({ spec }: V1ResourceSlice): FieldError[] {
  const { driver, pool, nodeName, nodeSelector, allNodes, perDeviceNodeSelection, devices = [] } = spec;
  const places = [nodeName, nodeSelector, allNodes, perDeviceNodeSelection].filter(Boolean).length;
  const which = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
  const slices = pool?.resourceSliceCount ?? 0;
  return [
    ...named("spec.driver", driver, isDns1123Subdomain),
    ...named("spec.pool.name", pool?.name, () => []),
    ...(slices > 0 ? [] : [invalid("spec.pool.resourceSliceCount", slices, "must be greater than zero")]),
    ...(places === 0 ? [required("spec", which)] : []),
    ...(places > 1 ? [invalid("spec", null, `${which}, but multiple fields are set`)] : []),
    ...limited("spec.devices", devices, MAX_DEVICES),
    ...unique("spec.devices", devices),
    ...devices.flatMap(({ name }, index) => named(`spec.devices[${index}].name`, name, isDns1123Label)),
  ];
}

function limited(field: string, all: readonly unknown[], most: number): FieldError[] {
  return all.length > most ? [tooMany(field, all.length, most)] : [];
}

function unique(field: string, all: readonly { readonly name: string }[]): FieldError[] {
  const names = new Set<string>();
  return all.flatMap(({ name }, index) => {
    const isTwice = name && names.has(name);
    names.add(name);
    return isTwice ? [duplicate(`${field}[${index}].name`, name)] : [];
  });
}
