import type { V1StorageClass, V1TopologySelectorTerm } from "../api/generated/types.ts";
import { matches } from "../apimachinery/selectors.ts";
import type { Where } from "./node-rules.ts";
import type { KnownClaim, KnownVolume, StorageObjects } from "./storage-objects.ts";

/** What this scheduler has promised and the API does not show yet. */
export interface AssumedVolumes {
  /** The claim that a volume was promised to. */
  readonly claimOf: (volume: string) => string | undefined;
  /** The node that a claim's volume is to be provisioned for. */
  readonly nodeOf: (claim: string) => string | undefined;
}

/**
 * The volumes that a claim may be bound to, the smallest first (by name among equals). One that was bound to the claim
 * beforehand is the only one. Source: component-helpers, FindMatchingVolume.
 */
export function candidatesOf(
  claim: KnownClaim,
  storage: StorageObjects,
  assumed: AssumedVolumes,
): readonly KnownVolume[] {
  const suiting = [...storage.volumesOfClass(claim.storageClass)].filter((volume) => suits(claim, volume));
  const ownerOf = (volume: KnownVolume) => assumed.claimOf(volume.name) ?? ownerInApi(claim, volume);
  const promised = suiting.filter((volume) => ownerOf(volume) === claim.key).sort(byName);
  if (promised.length > 0) return promised.slice(0, 1);
  return suiting
    .filter((volume) => ownerOf(volume) === undefined && isFreeFor(claim, volume))
    .sort((a, b) => {
      if (a.capacityBytes === b.capacityBytes) return byName(a, b);
      return a.capacityBytes < b.capacityBytes ? -1 : 1;
    });
}

/** The claim that the volume names, as `namespace/name`; another claim of the same name counts as somebody else's. */
function ownerInApi(claim: KnownClaim, { object }: KnownVolume): string | undefined {
  const ref = object.spec?.claimRef;
  if (!ref) return undefined;
  const key = `${ref.namespace ?? ""}/${ref.name ?? ""}`;
  const isOther = key === claim.key && ref.uid && ref.uid !== claim.object.metadata?.uid;
  return isOther ? `${key} ${ref.uid}` : key;
}

/** What is asked of every volume, be it promised to the claim or free. */
function suits(claim: KnownClaim, { object, capacityBytes }: KnownVolume): boolean {
  const { spec } = claim.object;
  const modeOf = (mode: string | undefined) => mode || "Filesystem";
  return (
    capacityBytes >= (claim.requestBytes ?? 0n) &&
    modeOf(spec?.volumeMode) === modeOf(object.spec?.volumeMode) &&
    (spec?.volumeAttributesClassName ?? "") === (object.spec?.volumeAttributesClassName ?? "") &&
    object.metadata?.deletionTimestamp === undefined
  );
}

function isFreeFor(claim: KnownClaim, { object }: KnownVolume): boolean {
  const offered = object.spec?.accessModes ?? [];
  return (
    object.status?.phase === "Available" &&
    matches(claim.selector, object.metadata?.labels) &&
    (claim.object.spec?.accessModes ?? []).every((mode) => offered.includes(mode))
  );
}

function byName(a: KnownVolume, b: KnownVolume): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Where a volume could be provisioned for the claim. Source: kube-scheduler VolumeBinding, checkVolumeProvisions. */
export function provisioningOf(
  claim: KnownClaim,
  storageClass: V1StorageClass,
  storage: StorageObjects,
): { readonly topology: Where; readonly capacity: Where } {
  const { provisioner } = storageClass;
  if (!provisioner || provisioner === "kubernetes.io/no-provisioner")
    return { topology: "nowhere", capacity: "everywhere" };
  return {
    topology: allowedBy(storageClass.allowedTopologies ?? []),
    capacity: enoughFor(claim, provisioner, storage),
  };
}

/** Any of the terms must hold; one without requirements holds nowhere. */
function allowedBy(terms: readonly V1TopologySelectorTerm[]): Where {
  if (terms.length === 0) return "everywhere";
  const wanted = terms
    .map((term) =>
      (term.matchLabelExpressions ?? []).map(({ key, values }) => ({ key, values: values ?? [] })),
    )
    .filter((term) => term.length > 0);
  return {
    key: `topology ${JSON.stringify(wanted)}`,
    matches: ({ labels }) =>
      wanted.some((term) =>
        term.every(({ key, values }) => Object.hasOwn(labels, key) && values.includes(labels[key]!)),
      ),
    labelKeys: wanted.flat().map(({ key }) => key),
    looksAtName: false,
  };
}

/** Only drivers that say so have their capacity looked at, and only for claims that ask for an amount. */
function enoughFor(claim: KnownClaim, provisioner: string, storage: StorageObjects): Where {
  const { requestBytes, storageClass } = claim;
  const isTracked = storage.drivers.get(provisioner)?.spec?.storageCapacity === true;
  if (requestBytes === undefined || !isTracked) return "everywhere";
  const enough = [...(storage.capacities.get(storageClass)?.values() ?? [])]
    .filter(({ limitBytes }) => limitBytes !== undefined && limitBytes >= requestBytes)
    .map(({ topology }) => topology)
    .filter(({ nothing }) => nothing !== true);
  if (enough.length === 0) return "nowhere";
  return {
    key: `capacity ${JSON.stringify([...new Set(enough.map((one) => JSON.stringify(one)))].sort())}`,
    matches: ({ labels }) => enough.some((topology) => matches(topology, labels)),
    labelKeys: enough.flatMap(({ requirements }) => requirements.map(({ key }) => key)),
    looksAtName: false,
  };
}
