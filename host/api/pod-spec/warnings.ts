import { isDns1123Label } from "../../apimachinery/names.ts";
import { milliValue, parseQuantity } from "../../apimachinery/quantity.ts";
import type { V1Container, V1NodeSelectorTerm, V1PodSpec } from "../generated/types.ts";

/** Labels of nodes that have newer names. */
const DEPRECATED_LABELS: Readonly<Record<string, string>> = {
  "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
  "beta.kubernetes.io/instance-type":
    'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  "failure-domain.beta.kubernetes.io/region":
    'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  "failure-domain.beta.kubernetes.io/zone":
    'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
};
const MATCHES_NONE = "a null labelSelector results in matching no pod";

/** What is odd about a pod spec, wherever it stands, and no reason to refuse it. Source: api-policy 6.5, pod.GetWarningsForPodTemplate. */
export function podSpecWarnings(field: string, spec: V1PodSpec | undefined): string[] {
  if (spec === undefined) return [];
  const { nodeSelector, affinity, topologySpreadConstraints, imagePullSecrets } = spec;
  const warnings: string[] = [];
  for (const key in nodeSelector)
    if (key in DEPRECATED_LABELS) warnings.push(`${field}.nodeSelector[${key}]: ${DEPRECATED_LABELS[key]}`);
  if (affinity !== undefined) warnings.push(...affinityWarnings(`${field}.affinity`, affinity));
  for (const [index, one] of (topologySpreadConstraints ?? []).entries()) {
    const path = `${field}.topologySpreadConstraints[${index}]`;
    warnings.push(...deprecatedKey(`${path}.topologyKey`, one.topologyKey));
    if (one.labelSelector === undefined) warnings.push(`${path}.labelSelector: ${MATCHES_NONE}`);
  }
  for (const [index, { name }] of (imagePullSecrets ?? []).entries())
    if (!name) warnings.push(`${field}.imagePullSecrets[${index}].name: invalid empty name ""`);
  for (const list of ["initContainers", "containers", "ephemeralContainers"] as const)
    for (const [index, one] of ((spec[list] ?? []) as V1Container[]).entries())
      warnings.push(...containerWarnings(`${field}.${list}[${index}]`, one));
  return warnings;
}

function affinityWarnings(field: string, affinity: NonNullable<V1PodSpec["affinity"]>): string[] {
  const required = "requiredDuringSchedulingIgnoredDuringExecution";
  const preferred = "preferredDuringSchedulingIgnoredDuringExecution";
  const { nodeAffinity } = affinity;
  const terms = (nodeAffinity?.[required]?.nodeSelectorTerms ?? []).flatMap((term, index) =>
    termWarnings(`${field}.nodeAffinity.${required}.nodeSelectorTerms[${index}]`, term),
  );
  const wishes = (nodeAffinity?.[preferred] ?? []).flatMap(({ preference }, index) =>
    termWarnings(`${field}.nodeAffinity.${preferred}[${index}].preference`, preference),
  );
  const others = (["podAffinity", "podAntiAffinity"] as const).flatMap((name) => [
    ...(affinity[name]?.[required] ?? []).map((term, index) => ({
      term,
      path: `${field}.${name}.${required}[${index}]`,
    })),
    ...(affinity[name]?.[preferred] ?? []).map(({ podAffinityTerm: term }, index) => ({
      term,
      path: `${field}.${name}.${preferred}[${index}].podAffinityTerm`,
    })),
  ]);
  return [
    ...terms,
    ...wishes,
    ...others
      .filter(({ term }) => term.labelSelector === undefined)
      .map(({ path }) => `${path}.labelSelector: ${MATCHES_NONE}`),
  ];
}

function termWarnings(field: string, { matchExpressions = [] }: V1NodeSelectorTerm): string[] {
  return matchExpressions.flatMap(({ key }, index) =>
    deprecatedKey(`${field}.matchExpressions[${index}].key`, key),
  );
}

function deprecatedKey(field: string, key: string): string[] {
  return key in DEPRECATED_LABELS ? [`${field}: ${key} is ${DEPRECATED_LABELS[key]}`] : [];
}

function containerWarnings(field: string, { env, ports, resources }: V1Container): string[] {
  const warnings: string[] = [];
  const names = new Set<string>();
  for (const [index, { name, value: text = "" }] of (env ?? []).entries()) {
    // One that is made of the one before, as PATH=$(PATH):/bin, does not hide it.
    if (names.has(name) && !text.includes(`$(${name})`))
      warnings.push(
        `${field}.env[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
      );
    names.add(name);
  }
  const first = new Map<string, number>();
  for (const [index, { containerPort, protocol, hostPort, hostIP }] of (ports ?? []).entries()) {
    const key = [containerPort, protocol, hostPort, hostIP].join();
    const before = first.get(key);
    if (before === undefined) first.set(key, index);
    else warnings.push(`${field}.ports[${index}]: duplicate port definition with ${field}.ports[${before}]`);
  }
  for (const which of ["limits", "requests"] as const)
    for (const name of ["memory", "ephemeral-storage"])
      if (isFraction(resources?.[which]?.[name]))
        warnings.push(
          `${field}.resources.${which}[${name}]: fractional byte value ${JSON.stringify(resources![which]![name])} is invalid, must be an integer`,
        );
  return warnings;
}

function isFraction(amount: string | undefined): boolean {
  // Only with a suffix below one, or a point, is there less than a byte.
  if (amount === undefined || !/[.mun]/.test(amount)) return false;
  return BigInt(milliValue(parseQuantity(amount))) % 1000n !== 0n;
}

/** `old` is given for an update: names are looked at once. */
export function nameWarnings(
  { metadata }: { metadata?: { name?: string } },
  old: unknown,
  whose: "the Pod's hostname" | "Pod names and hostnames",
): string[] {
  const messages = old === undefined ? isDns1123Label(metadata?.name ?? "") : [];
  if (messages.length === 0) return [];
  return [
    `metadata.name: this is used in ${whose}, which can result in surprising behavior; a DNS label is recommended: [${messages.join(" ")}]`,
  ];
}
