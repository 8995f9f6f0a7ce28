import type { CoreCapacity } from "./scheduler-facts.ts";
import type { SchedulerExports } from "./scheduler-module.ts";

/** A table as `groups` runs of `bytes` each: with two dimensions, the inner one makes up a run. */
interface Extent {
  readonly table: number;
  readonly groups: number;
  readonly bytes: number;
}

/** 0 % to 100 %. */
export const PERCENTAGES = 101;

/** Words with a bit for every slot. */
export function imageWords({ nodes }: CoreCapacity): number {
  return Math.ceil(nodes / 32);
}

/** The tables that hold state, and how their rows lie. The rest is scratch space of one call, or indexes, which are made anew. */
function extents(core: SchedulerExports, capacity: CoreCapacity): Extent[] {
  const { Table } = core;
  const { nodes, classes, attributeSets, extendedResources, portWords } = capacity;
  const { topologyKeys, tracks, classTracks, terms, profiles, scoredResources } = capacity;
  const { images, classImages } = capacity;
  const { volumes, volumeUses, classVolumes, drivers, rules, requirements } = capacity;
  const { bindingClaims, candidates, devicePools, domains } = capacity;
  const run = (table: number, groups: number, bytes: number): Extent => ({ table, groups, bytes });
  return [
    run(Table.state, 1, core.StateField.bytes),
    run(Table.random, 1, 16),
    run(Table.nodes, nodes, core.NodeField.bytes),
    run(Table.extended, extendedResources, nodes * core.ExtendedField.bytes),
    run(Table.usedPorts, nodes, portWords * core.UsedPortsField.bytes),
    run(Table.classes, classes, core.ClassField.bytes),
    run(Table.verdicts, classes, attributeSets * core.VerdictField.bytes),
    run(Table.extendedRequests, classes, core.Limit.extendedPerClass * core.ExtendedRequestField.bytes),
    run(Table.classPorts, classes, portWords * core.ClassPortsField.bytes),
    run(Table.topologyKeys, topologyKeys, core.TopologyKeyField.bytes),
    run(Table.domains, topologyKeys, nodes * core.DomainField.bytes),
    run(Table.domainNodes, topologyKeys, domains * core.DomainNodesField.bytes),
    run(Table.tracks, tracks, nodes * core.TrackField.bytes),
    run(Table.classTracks, classes, classTracks * core.ClassTrackField.bytes),
    run(Table.terms, classes, terms * core.TermField.bytes),
    run(Table.profiles, profiles, core.ProfileField.bytes),
    run(Table.profileFilters, profiles, core.Limit.filtersPerProfile * core.ProfileFilterField.bytes),
    run(Table.scoreWeights, profiles, core.Score.count * core.ScoreWeightField.bytes),
    run(Table.utilizationScores, profiles, PERCENTAGES * core.UtilizationScoreField.bytes),
    run(Table.images, images, core.ImageField.bytes),
    run(Table.imageNodes, images, imageWords(capacity) * core.ImageNodesField.bytes),
    run(Table.classImages, classes, classImages * core.ClassImageField.bytes),
    run(Table.scoredResources, classes, scoredResources * core.ScoredResourceField.bytes),
    run(Table.volumes, volumes, core.VolumeField.bytes),
    run(Table.volumeUses, volumeUses, core.VolumeUseField.bytes),
    run(Table.classVolumes, classes, classVolumes * core.ClassVolumeField.bytes),
    run(Table.drivers, drivers, nodes * core.DriverField.bytes),
    run(Table.rules, rules, Math.ceil(attributeSets / 32) * core.RuleField.bytes),
    run(Table.requirements, classes, requirements * core.RequirementField.bytes),
    run(Table.bindingClaims, bindingClaims, core.BindingClaimField.bytes),
    run(Table.candidates, candidates, core.CandidateField.bytes),
    run(Table.nodeDevices, nodes, core.NodeDeviceField.bytes),
    run(Table.devicePools, devicePools, core.DevicePoolField.bytes),
  ];
}

/** Copies every row from one core to a larger one; what is new there stays zero. */
export function copyTables(
  source: SchedulerExports,
  sourceCapacity: CoreCapacity,
  target: SchedulerExports,
  targetCapacity: CoreCapacity,
): void {
  const from = new Uint8Array(source.memory.buffer);
  const to = new Uint8Array(target.memory.buffer);
  const targets = extents(target, targetCapacity);
  extents(source, sourceCapacity).forEach((extent, i) => {
    const fromAddress = source.tableAddress(extent.table) >>> 0;
    const toAddress = target.tableAddress(extent.table) >>> 0;
    const { bytes } = targets[i]!;
    // Runs that are as long as before lie as they lay.
    const [groups, run] = bytes === extent.bytes ? [1, extent.groups * bytes] : [extent.groups, extent.bytes];
    for (let group = 0; group < groups; group++) {
      const start = fromAddress + group * extent.bytes;
      to.set(from.subarray(start, start + run), toAddress + group * bytes);
    }
  });
}
