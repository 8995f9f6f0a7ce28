import { isIP } from "node:net";
import { familyOf } from "../../api/addresses.ts";
import type { V1ServiceSpec } from "../../api/generated/types.ts";
import { type FieldError, invalid } from "../../apimachinery/field-error.ts";
import type { Family } from "./service-ranges.ts";

/**
 * Decides which address families a Service has, and fills in `ipFamilyPolicy`, `ipFamilies`, and the `clusterIPs` that it
 * gives up; addresses are given out afterwards, one for each family. What the client says goes before what the Service had,
 * that before the cluster's default. A Service that prefers two families and is not touched otherwise stays as it is when
 * the cluster gets or loses one. Source: api-policy 5.2; kube-apiserver initIPFamilyFields.
 *
 * @param configured  the cluster's families, the default first
 * @param old         of the Service before; undefined for a new one, or for one that had no address
 */
export function setFamilies(
  spec: V1ServiceSpec,
  old: V1ServiceSpec | undefined,
  configured: readonly Family[],
): FieldError[] {
  if (staysAsItPrefers(spec, old)) return [];
  const isOpen = isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= old?.ipFamilyPolicy ?? (isOpen ? "RequireDualStack" : "SingleStack");
  const errors = giveUpSecond(spec, old);
  if (spec.ipFamilyPolicy === "SingleStack") errors.push(...oneOfEach(spec));
  errors.push(...inferFamilies(spec, configured));
  if (errors.length > 0) return errors;
  const wantsBoth = spec.ipFamilyPolicy !== "SingleStack";
  if (!isOpen) errors.push(...refuseUnknown(spec, configured));
  if (errors.length > 0) return errors;
  const families = spec.ipFamilies?.length ? [...spec.ipFamilies] : [configured[0]!];
  // A headless Service without selector lists what somebody else writes: it may have both on any cluster.
  if (families.length === 1 && wantsBoth && (isOpen || configured.length === 2))
    families.push(families[0] === "IPv4" ? "IPv6" : "IPv4");
  spec.ipFamilies = families;
  return [];
}

function isHeadless({ clusterIP, clusterIPs }: V1ServiceSpec): boolean {
  return (clusterIP || clusterIPs?.[0]) === "None";
}

function same(some: readonly string[] | undefined, others: readonly string[] | undefined): boolean {
  return (some ?? []).join() === (others ?? []).join();
}

function staysAsItPrefers(spec: V1ServiceSpec, old: V1ServiceSpec | undefined): boolean {
  return (
    old?.ipFamilyPolicy === "PreferDualStack" &&
    spec.ipFamilyPolicy === "PreferDualStack" &&
    same(spec.clusterIPs, old.clusterIPs) &&
    same(spec.ipFamilies, old.ipFamilies)
  );
}

/** Policy SingleStack lets go of the second address; without it, to leave one out is a mistake. */
function giveUpSecond(spec: V1ServiceSpec, old: V1ServiceSpec | undefined): FieldError[] {
  if (old === undefined) return [];
  const { clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  if (ipFamilyPolicy === "SingleStack") {
    if (same(clusterIPs, old.clusterIPs)) spec.clusterIPs = clusterIPs.slice(0, 1);
    if (same(ipFamilies, old.ipFamilies)) spec.ipFamilies = ipFamilies.slice(0, 1);
    return [];
  }
  const isReduced = (some: readonly string[], before: readonly string[] = []) =>
    some.length > 0 && some.length < before.length;
  const refuse = (what: string) =>
    invalid("spec.ipFamilyPolicy", ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`);
  return [
    ...(isReduced(clusterIPs, old.clusterIPs) ? [refuse("cluster IP")] : []),
    ...(isReduced(ipFamilies, old.ipFamilies) ? [refuse("IP family")] : []),
  ];
}

function oneOfEach({ clusterIPs = [], ipFamilies = [], ipFamilyPolicy }: V1ServiceSpec): FieldError[] {
  const refuse = (what: string) =>
    invalid(
      "spec.ipFamilyPolicy",
      ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    );
  return [
    ...(clusterIPs.length === 2 ? [refuse("cluster IPs")] : []),
    ...(ipFamilies.length === 2 ? [refuse("IP families")] : []),
  ];
}

/** The families of addresses that the client names. */
function inferFamilies(spec: V1ServiceSpec, configured: readonly Family[]): FieldError[] {
  const asked = spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : [];
  const families = [...(spec.ipFamilies ?? [])];
  const errors: FieldError[] = [];
  for (const [i, address] of asked.entries()) {
    if (isIP(address) === 0 || i < families.length) continue;
    const family = familyOf(address);
    if (configured.includes(family)) families.push(family);
    else errors.push(invalid(`spec.clusterIPs[${i}]`, asked, `${family} is not configured on this cluster`));
  }
  if (families.length > 0) spec.ipFamilies = families;
  return errors;
}

function refuseUnknown(spec: V1ServiceSpec, configured: readonly Family[]): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.ipFamilyPolicy === "RequireDualStack" && configured.length < 2) {
    const why = "this cluster is not configured for dual-stack services";
    errors.push(invalid("spec.ipFamilyPolicy", spec.ipFamilyPolicy, why));
  }
  for (const [i, family] of (spec.ipFamilies ?? []).entries())
    if (!configured.some((one) => one === family))
      errors.push(invalid(`spec.ipFamilies[${i}]`, family, "not configured on this cluster"));
  return errors;
}
