import { I32, U32 } from "./field";

/**
 * The plugins of volumes and devices rest on four things that know nothing of Kubernetes' storage objects:
 *
 *   a volume        something that pods on a node use: a disk, a claim, what a CSI driver attaches
 *   a use           one volume on one node, with the number of its pods there; a list per volume
 *   a rule          a predicate on nodes by their labels: a bit per attribute set
 *   a requirement   a rule that a class needs, and the refusal if it does not hold
 *
 *   volumes  row 3: | first use 7 | 2 pods |
 *   uses     row 7: | slot 12 | 1 pod | next 9 |   row 9: | slot 40 | 1 pod | next 0 |
 *   rules    row 2: | 0b1010 |                     holds for attribute sets 1 and 3
 *
 * An assumed pod is counted on each of its volumes, so the next of a batch sees it.
 */
export enum VolumeField {
  /** Row of the uses; 0: nobody uses it. */
  firstUse = U32 | 0,
  /** Pods on all nodes. */
  pods = U32 | 4,
  /** The CSI driver whose limit it counts for; 0: none. */
  driver = U32 | 8,
  bytes = 12,
}

/** One volume on one node. Row 0 is none. */
export enum VolumeUseField {
  slot = U32 | 0,
  pods = U32 | 4,
  /** VolumeAttachments to the node. */
  attachments = U32 | 8,
  next = U32 | 12,
  bytes = 16,
}

/** A volume of a class: row `class * classVolumes + i`; those that are counted stand together by driver. */
export enum ClassVolumeField {
  volume = U32 | 0,
  /** Bits of `VolumeFlag`. */
  flags = U32 | 4,
  bytes = 8,
}

export enum VolumeFlag {
  /** The class's own pods use it. */
  held = 1,
  /** VolumeRestrictions: a node where some pod uses it is refused. */
  conflicts = 2,
  /** VolumeRestrictions: all nodes are refused while some pod uses it (ReadWriteOncePod). */
  exclusive = 4,
  /** NodeVolumeLimits counts it. */
  counted = 8,
}

/** What a CSI driver has on a node: row `driver * nodes + slot`. */
export enum DriverField {
  /** 1: the driver names a limit. */
  limited = U32 | 0,
  limit = I32 | 4,
  /** Distinct volumes in use or attached. */
  volumes = I32 | 8,
  bytes = 12,
}

/** 32 attribute sets of a rule: row `rule * ruleWords + word`. */
export enum RuleField {
  bits = U32 | 0,
  bytes = 4,
}

/** The rule that holds for no node; its row stays zero. */
export const NO_NODE: u32 = 0;
/** Stands for a rule that holds for every node; it has no row. */
export const EVERY_NODE: u32 = 0xffffffff;

/** A rule that a class needs: row `class * requirements + i`. */
export enum RequirementField {
  rule = U32 | 0,
  /** A bit of `VolumeRefusal`. */
  refusal = U32 | 4,
  bytes = 8,
}

/** Why labels speak against a node; the first four are the reasons of VolumeBinding. */
export enum VolumeRefusal {
  /** A bound volume's node affinity does not match. */
  nodeConflict = 1,
  /** No volume to bind, and none can be provisioned. */
  bindConflict = 2,
  /** Too little free storage to provision. */
  freeStorage = 4,
  /** A claim is bound to a volume that is not there. */
  missingVolume = 8,
  /** VolumeZone: a bound volume is in another zone. */
  zone = 16,
  /** DynamicResources: an allocated claim cannot be used there. */
  claimUnavailable = 32,
  /** NodeVolumeLimits: a claim is not there, and no PreFilter has said so. */
  missingClaim = 64,
}

/** Bits of `ClassField.volumeFilters`: which of the plugins have to be asked. */
export enum VolumeFilter {
  /** VolumeRestrictions and NodeVolumeLimits: volumes and their uses. */
  uses = 1,
  /** VolumeBinding, VolumeZone, and the node selectors of allocated claims. */
  rules = 2,
  /** DynamicResources: devices are to be allocated. */
  devices = 4,
}

/** `ClassField.selectedSlot` and `claimSlot`: 0 is any node, n is slot n-1, and this is none. */
export const NO_SLOT: u32 = 0xffffffff;

/** More devices than any node has: what a class asks for whose selectors the core cannot evaluate. */
export const TOO_MANY_DEVICES: u32 = 0xffffffff;

/**
 * A claim of the one class that is being bound, in the order in which claims choose: row = its number.
 *
 *   candidates     rows of the candidates, smallest volume first, from `first`
 *   topologyRule   where a volume could be provisioned; NO_NODE if it never can
 *   capacityRule   where there is storage enough for that
 */
export enum BindingClaimField {
  first = U32 | 0,
  candidates = U32 | 4,
  topologyRule = U32 | 8,
  capacityRule = U32 | 12,
  bytes = 16,
}

/** A volume that a claim could be bound to. */
export enum CandidateField {
  /** The volume's number among those of the binding. */
  volume = U32 | 0,
  /** Where it can be used. */
  rule = U32 | 4,
  bytes = 8,
}

/** What a claim chose on the nodes of a set: row `claim * attributeSets + set`. 0: nothing; else the volume's number + 1. */
export enum ChosenField {
  volume = U32 | 0,
  bytes = 4,
}

/** Bits of `VolumeRefusal` against the nodes of a set. Scratch space. */
export enum SetRefusalField {
  bits = U32 | 0,
  bytes = 4,
}

/** The class's volumes that pods of a node use, a bit each: row `slot * markWords + word`. Scratch space. */
export enum VolumeMarkField {
  bits = U32 | 0,
  bytes = 4,
}

/** Attribute sets for which a claim has not chosen yet, a bit each. Scratch space. */
export enum OpenSetField {
  bits = U32 | 0,
  bytes = 4,
}

/** Devices of a node's own that nobody has: row = slot. */
export enum NodeDeviceField {
  free = I32 | 0,
  bytes = 4,
}

/** Devices that several nodes reach. */
export enum DevicePoolField {
  rule = U32 | 0,
  free = I32 | 4,
  bytes = 8,
}
