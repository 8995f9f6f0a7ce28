import { isIP } from "node:net";
import { type FieldError, invalid, required } from "../apimachinery/field-error.ts";
import { isDns1123Subdomain, isPathSegmentName } from "../apimachinery/names.ts";
import { addressNumber, addressText, familyOf, parseRange, validateRange } from "./addresses.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { checked, immutable, named } from "./field-checks.ts";
import type { V1IPAddress, V1ServiceCIDR } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** Source: k8s.io/kubernetes/pkg/apis/networking/validation; api-policy 6.3; api-wire 13. */
export const ipAddressRules: KindRules<V1IPAddress> = {
  nameErrors: (name) => {
    if (isIP(name) === 0 || name.includes("%"))
      return [`ParseAddr(${JSON.stringify(name)}): unable to parse IP`];
    const canonical = addressText(addressNumber(name), familyOf(name));
    // What is written as IPv6 and means IPv4 stays so for Go: `::ffff:10.0.0.1`.
    return canonical === name ? [] : ["must be a canonical format IP address"];
  },
  validate: ({ spec }) => {
    if (spec?.parentRef === undefined) return [required("spec.parentRef")];
    const { group, resource, namespace, name } = spec.parentRef;
    const field = "spec.parentRef";
    return [
      ...(group ? checked(`${field}.group`, group, isDns1123Subdomain(group)) : []),
      ...named(`${field}.resource`, resource, isPathSegmentName),
      ...named(`${field}.name`, name, isPathSegmentName),
      ...(namespace ? checked(`${field}.namespace`, namespace, isPathSegmentName(namespace)) : []),
    ];
  },
  validateUpdate: (next, old) => immutable("spec.parentRef", next.spec?.parentRef, old.spec?.parentRef),
  columns: [
    nameColumn,
    column("ParentRef", ({ spec }) => {
      if (!spec?.parentRef) return "<none>";
      const { group, resource, namespace, name } = spec.parentRef;
      const of = group ? `${resource}.${group}` : resource;
      return namespace ? `${of}/${namespace}/${name}` : `${of}/${name}`;
    }),
    ageColumn,
  ],
};

/** Source: k8s.io/kubernetes/pkg/apis/networking/validation; api-wire 13. */
export const serviceCIDRRules: KindRules<V1ServiceCIDR> = {
  validate: ({ spec }) => {
    const field = "spec.cidrs";
    const cidrs = spec?.cidrs ?? [];
    if (cidrs.length === 0) return [required(field, "at least one CIDR required")];
    const inGo = { CIDRs: cidrs };
    if (cidrs.length > 2) return [invalid(field, inGo, "may only hold up to 2 values")];
    const [first, second] = cidrs.map((cidr) => parseRange(cidr)?.family);
    const families =
      "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96";
    if (cidrs.length === 2 && (first === undefined || second === undefined || first === second))
      return [invalid(field, inGo, families)];
    return cidrs.flatMap((cidr, index) => [
      ...validateRange(`${field}[${index}]`, cidr),
      ...validateMasked(`${field}[${index}]`, cidr),
    ]);
  },
  validateUpdate: (next, old) => {
    const [cidrs, before] = [next.spec?.cidrs ?? [], old.spec?.cidrs ?? []];
    // A second family may be added, and nothing else.
    const isAdded = before.length === 1 && cidrs.length === 2 && cidrs[0] === before[0];
    return isAdded ? [] : immutable("spec.cidrs", cidrs, before);
  },
  columns: [nameColumn, column("CIDRs", ({ spec }) => (spec?.cidrs ?? []).join(",")), ageColumn],
};

/** `10.1.2.3/24` says more than a range: strict, as all new fields are (api-policy 6.3). */
function validateMasked(field: string, cidr: string): FieldError[] {
  const range = parseRange(cidr);
  if (range === undefined || range.base === addressNumber(cidr.split("/")[0]!)) return [];
  return [invalid(field, cidr, "must not have bits set beyond the prefix length")];
}
