import type { BindingClaim, ClassVolumes, CoreCapacity, DevicePool } from "./scheduler-facts.ts";
import type { SchedulerExports } from "./scheduler-module.ts";
import { openTable } from "./table-view.ts";

const ANY_SLOT = 0;
const NO_SLOT = 0xffffffff;

/** The tables of volumes and devices: who uses what where, which rules hold for which sets, what a class needs of both. */
export class VolumeTables {
  readonly #core: SchedulerExports;
  readonly #capacity: CoreCapacity;
  readonly #views: ReturnType<typeof openViews>;

  constructor(core: SchedulerExports, capacity: CoreCapacity) {
    this.#core = core;
    this.#capacity = capacity;
    this.#views = openViews(core);
  }

  /** Empties the slot: nothing is used there, and no driver and no device is there. */
  removeNode(slot: number): void {
    this.#core.clearUses(slot);
    this.#views.nodeDevices.free.set(slot, 0);
  }

  /** @param driver  0: no driver counts it */
  putVolume(volume: number, driver: number): void {
    const { volumes, state } = this.#views;
    volumes.driver.set(volume, driver);
    if (state.volumeLimit.get(0) <= volume) state.volumeLimit.set(0, volume + 1);
    this.#meetDriver(driver);
  }

  /** @param limit  how many volumes the driver takes there; undefined: any number */
  putDriver(driver: number, slot: number, limit: number | undefined): void {
    const { drivers } = this.#views;
    const row = driver * this.#capacity.nodes + slot;
    drivers.limited.set(row, limit === undefined ? 0 : 1);
    drivers.limit.set(row, limit ?? 0);
    this.#meetDriver(driver);
  }

  /** Also drivers that no CSINode names have counts, which go with a node. Driver 0 is none, and has no rows. */
  #meetDriver(driver: number): void {
    const { driverLimit } = this.#views.state;
    if (driver > 0 && driverLimit.get(0) <= driver) driverLimit.set(0, driver + 1);
  }

  /** A rule anew: it holds for these sets and no others. */
  putRule(rule: number, sets: readonly number[]): void {
    const words = Math.ceil(this.#capacity.attributeSets / 32);
    for (let word = 0; word < words; word++) this.#views.rules.bits.set(rule * words + word, 0);
    for (const set of sets) this.#setRule(rule, set, true);
  }

  /** A set anew: of all rules up to `limit`, these hold for it. */
  putSetRules(set: number, rules: readonly number[], limit: number): void {
    for (let rule = 0; rule < limit; rule++) this.#setRule(rule, set, false);
    for (const rule of rules) this.#setRule(rule, set, true);
  }

  putClassVolumes(id: number, numbers: ClassVolumes): void {
    const { classes, classVolumes, requirements } = this.#views;
    classes.volumeFilters.set(id, numbers.filters);
    classes.volumeCount.set(id, numbers.volumes.length);
    classes.requirementCount.set(id, numbers.requirements.length);
    classes.bindingClaims.set(id, numbers.bindingClaims);
    classes.selectedSlot.set(id, encodeSlot(numbers.selectedSlot));
    classes.claimSlot.set(id, encodeSlot(numbers.claimSlot));
    classes.devicesWanted.set(id, numbers.devicesWanted);
    numbers.volumes.forEach(({ volume, flags }, i) => {
      const row = id * this.#capacity.classVolumes + i;
      classVolumes.volume.set(row, volume);
      classVolumes.flags.set(row, flags);
    });
    numbers.requirements.forEach(({ rule, refusal }, i) => {
      const row = id * this.#capacity.requirements + i;
      requirements.rule.set(row, rule);
      requirements.refusal.set(row, refusal);
    });
  }

  /** What the claims of the class that is asked about next may be bound to. */
  putBinding(claims: readonly BindingClaim[]): void {
    const { bindingClaims, candidates } = this.#views;
    let first = 0;
    claims.forEach((claim, i) => {
      bindingClaims.first.set(i, first);
      bindingClaims.candidates.set(i, claim.candidates.length);
      bindingClaims.topologyRule.set(i, claim.topologyRule);
      bindingClaims.capacityRule.set(i, claim.capacityRule);
      for (const { volume, rule } of claim.candidates) {
        candidates.volume.set(first, volume);
        candidates.rule.set(first, rule);
        first++;
      }
    });
  }

  /** What each claim of the class chose on the nodes of this set: the number of a volume, or -1. */
  chosen(id: number, set: number): number[] {
    const count = this.#views.classes.bindingClaims.get(id);
    const sets = this.#capacity.attributeSets;
    return Array.from({ length: count }, (_, claim) => this.#views.chosen.volume.get(claim * sets + set) - 1);
  }

  changeUse(volume: number, slot: number, pods: number, attachments: number): void {
    this.#core.changeUse(volume, slot, pods, attachments);
  }

  /** Devices of the node's own that are free. */
  putNodeDevices(slot: number, free: number): void {
    this.#views.nodeDevices.free.set(slot, free);
  }

  /** All pools that more than one node reaches. */
  putDevicePools(pools: readonly DevicePool[]): void {
    pools.forEach(({ rule, free }, i) => {
      this.#views.devicePools.rule.set(i, rule);
      this.#views.devicePools.free.set(i, free);
    });
    this.#views.state.poolLimit.set(0, pools.length);
  }

  #setRule(rule: number, set: number, holds: boolean): void {
    const { bits } = this.#views.rules;
    const word = rule * Math.ceil(this.#capacity.attributeSets / 32) + (set >>> 5);
    const bit = 1 << (set & 31);
    bits.set(word, holds ? bits.get(word) | bit : bits.get(word) & ~bit);
  }
}

function encodeSlot(slot: number | "any" | "none"): number {
  if (slot === "any") return ANY_SLOT;
  return slot === "none" ? NO_SLOT : slot + 1;
}

function openViews(core: SchedulerExports) {
  const { memory, Table } = core;
  const at = (table: number) => core.tableAddress(table) >>> 0;
  return {
    state: openTable(memory, core.StateField, at(Table.state)),
    classes: openTable(memory, core.ClassField, at(Table.classes)),
    volumes: openTable(memory, core.VolumeField, at(Table.volumes)),
    classVolumes: openTable(memory, core.ClassVolumeField, at(Table.classVolumes)),
    drivers: openTable(memory, core.DriverField, at(Table.drivers)),
    rules: openTable(memory, core.RuleField, at(Table.rules)),
    requirements: openTable(memory, core.RequirementField, at(Table.requirements)),
    bindingClaims: openTable(memory, core.BindingClaimField, at(Table.bindingClaims)),
    candidates: openTable(memory, core.CandidateField, at(Table.candidates)),
    chosen: openTable(memory, core.ChosenField, at(Table.chosen)),
    nodeDevices: openTable(memory, core.NodeDeviceField, at(Table.nodeDevices)),
    devicePools: openTable(memory, core.DevicePoolField, at(Table.devicePools)),
  };
}
