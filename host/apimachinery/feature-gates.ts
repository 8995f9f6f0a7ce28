/** Kubernetes' alpha features that this build has, each off unless it is asked for. Others of their names are not known here. */
const ALPHA = ["GenericWorkload", "GangScheduling"] as const;

/** Features of Kubernetes 1.36 that belong to these and are not here: they may be said to be off, and nothing else. */
const ABSENT = [
  "TopologyAwareWorkloadScheduling",
  "WorkloadAwarePreemption",
  "DRAWorkloadResourceClaims",
  "WorkloadWithJob",
];

/** What a feature is of no use without. */
const NEEDS: Partial<Record<FeatureGate, readonly FeatureGate[]>> = { GangScheduling: ["GenericWorkload"] };

export type FeatureGate = (typeof ALPHA)[number];
export type FeatureGates = Readonly<Record<FeatureGate, boolean>>;

export const DEFAULT_FEATURE_GATES: FeatureGates = { GenericWorkload: false, GangScheduling: false };

/** For `--help`: the gates one can set. */
export const FEATURE_GATES: readonly FeatureGate[] = ALPHA;

/** `GenericWorkload=true,GangScheduling=true`, as kube-apiserver and kube-scheduler read it. Throws an Error in their words. */
export function parseFeatureGates(text: string): FeatureGates {
  const gates: Record<FeatureGate, boolean> = { ...DEFAULT_FEATURE_GATES };
  const said = parsePairs(text);
  // Wherever it stands, a gate that is named wins over all of its stage.
  if (said.has("AllAlpha")) for (const gate of ALPHA) gates[gate] = said.get("AllAlpha")!;
  for (const [name, isOn] of said) {
    if (name === "AllAlpha" || name === "AllBeta") continue;
    if (ABSENT.includes(name)) {
      if (isOn) throw new Error(`feature gate ${name} is not available in Pintle: it can only be false`);
      continue;
    }
    if (!isKnown(name)) throw new Error(`unrecognized feature gate: ${name}`);
    gates[name] = isOn;
  }
  for (const gate of ALPHA) {
    const missing = gates[gate] ? (NEEDS[gate] ?? []).filter((other) => !gates[other]) : [];
    if (missing.length > 0)
      throw new Error(
        `${gate} is enabled, but depends on features that are disabled: [${missing.join(" ")}]`,
      );
  }
  return gates;
}

function isKnown(name: string): name is FeatureGate {
  return (ALPHA as readonly string[]).includes(name);
}

function parsePairs(text: string): Map<string, boolean> {
  const pairs = new Map<string, boolean>();
  for (const pair of text.split(",")) {
    if (pair === "") continue;
    const [name = "", ...rest] = pair.split("=");
    if (rest.length === 0) throw new Error(`missing bool value for ${name.trim()}`);
    const value = rest.join("=").trim();
    const isOn = parseBool(value);
    if (isOn === undefined)
      throw new Error(`invalid value of ${name.trim()}=${value}, err: ${notBool(value)}`);
    pairs.set(name.trim(), isOn);
  }
  return pairs;
}

/** As Go's strconv.ParseBool; undefined for anything else. */
export function parseBool(text: string): boolean | undefined {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  return undefined;
}

/** What Go says of a text that is no bool. */
export function notBool(text: string): string {
  return `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
}
