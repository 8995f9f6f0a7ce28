import type { Labels } from "../apimachinery/selectors.ts";
import type { NodePredicate } from "./node-rules.ts";

/** Label of a node or volume, and the newer label that stands for it too. */
const TOPOLOGY_LABELS: Readonly<Record<string, string>> = {
  "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
  "topology.kubernetes.io/zone": "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region": "topology.kubernetes.io/region",
};
const KEYS = Object.keys(TOPOLOGY_LABELS);

/**
 * Where a volume with these labels can be used: on nodes without any label of zones, and on those that agree with every
 * such label of the volume. Undefined for a volume that has none. Source: kube-scheduler VolumeZone.
 */
export function zonesOf(labels: Labels): NodePredicate | undefined {
  const wanted = KEYS.flatMap((key) => {
    const zones = Object.hasOwn(labels, key) ? parseZones(labels[key]!) : undefined;
    return zones === undefined ? [] : [{ key, zones }];
  });
  if (wanted.length === 0) return undefined;
  return {
    key: `zone ${JSON.stringify(wanted)}`,
    matches: (node) => {
      if (!KEYS.some((key) => Object.hasOwn(node.labels, key))) return true;
      return wanted.every(({ key, zones }) => {
        // A volume's beta label is also compared with a node's newer one, not the other way round.
        const own = Object.hasOwn(node.labels, key) ? node.labels[key] : node.labels[TOPOLOGY_LABELS[key]!];
        return own !== undefined && zones.includes(own);
      });
    },
    labelKeys: KEYS,
    looksAtName: false,
  };
}

/** `us-west1-a__us-west1-b` -> both; undefined for a label that cannot be read, which is then ignored. */
function parseZones(label: string): string[] | undefined {
  const zones = label.split("__").map((zone) => zone.trim());
  return zones.includes("") ? undefined : zones;
}
