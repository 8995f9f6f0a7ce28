import { describe, expect, test } from "vitest";
import { SchedulerCore } from "./scheduler-core.ts";
import type { ClassNumbers, CoreCapacity, NodeNumbers } from "./scheduler-facts.ts";
import { type Flavour, instantiateScheduler, schedulerNames } from "./scheduler-module.ts";
import { openTable } from "./table-view.ts";

const SMALL: CoreCapacity = {
  nodes: 2,
  attributeSets: 2,
  classes: 1,
  extendedResources: 1,
  portWords: 1,
  requests: 2,
  topologyKeys: 1,
  domains: 4,
  tracks: 2,
  classTracks: 1,
  terms: 1,
  profiles: 1,
  scoredResources: 1,
  images: 1,
  classImages: 1,
  volumes: 0,
  volumeUses: 0,
  classVolumes: 0,
  drivers: 0,
  rules: 0,
  requirements: 0,
  bindingClaims: 0,
  candidates: 0,
  devicePools: 0,
  shapes: 0,
  shapeParts: 0,
  triedPods: 0,
};

const LARGER = Object.fromEntries(Object.keys(SMALL).map((name) => [name, 8])) as CoreCapacity;

const nodeOf = (milliCpu: number, gpus = 0): NodeNumbers => ({
  allocatableMilliCpu: milliCpu,
  allocatableMemory: 8 * 2 ** 30 + 1,
  allocatableEphemeral: 0,
  allocatablePods: 10,
  attributeSet: 1,
  extended: [{ resource: 0, amount: gpus }],
  domains: [2],
});

const classOf = (milliCpu: number, more: Partial<ClassNumbers> = {}): ClassNumbers => ({
  requestMilliCpu: milliCpu,
  requestMemory: 1,
  requestEphemeral: 0,
  scoreMilliCpu: milliCpu,
  scoreMemory: 1,
  nonZeroMilliCpu: milliCpu,
  nonZeroMemory: 1,
  extended: [],
  ports: [],
  prefersNodes: false,
  conflictingPorts: [],
  images: [],
  containers: 1,
  profile: 0,
  skipsFit: false,
  uncheckedExtended: 0,
  extendedByDevices: [],
  scored: undefined,
  ...more,
});

const fits = { refusals: 0, intolerableTaints: 0, affinityWeight: 0, mismatches: 0 };

function coreWith(capacity: CoreCapacity, podClass: ClassNumbers, flavour: Flavour = "debug"): SchedulerCore {
  const core = new SchedulerCore({ capacity, flavour });
  core.putNode(0, nodeOf(1000, 1));
  core.putNode(1, nodeOf(3000, 1));
  core.putClass(0, podClass);
  core.putVerdicts(0, [{ set: 1, ...fits }]);
  return core;
}

describe("the scheduler core", () => {
  test("places a batch longer than its ring, each assumed before the next", () => {
    const { slots, refusals } = coreWith(SMALL, classOf(1000)).schedule([0, 0, 0, 0, 0, 0]);
    expect([...slots]).toEqual([1, 1, 1, 0, -1, -1]);
    const { filters, insufficient } = schedulerNames("debug");
    const why = refusals.get(4)!;
    expect([...why.rejectedBy].map((number) => filters[number])).toEqual([
      "NodeResourcesFit",
      "NodeResourcesFit",
    ]);
    expect([...why.insufficient]).toEqual([1 << insufficient.cpu, 1 << insufficient.cpu]);
    expect(refusals.get(5)).toBe(why);
  });

  test.each([
    { name: "extended resources", podClass: classOf(1, { extended: [{ resource: 0, amount: 1 }] }) },
    { name: "ports", podClass: classOf(1, { ports: [31], conflictingPorts: [31] }) },
  ])("keeps $name in use when it grows in every dimension", ({ podClass }) => {
    const core = coreWith(SMALL, podClass);
    expect([...core.schedule([0]).slots]).toEqual([0]);
    core.grow(LARGER);
    core.putNode(7, { ...nodeOf(500, 1), attributeSet: 7 });
    core.putVerdicts(0, [{ set: 7, ...fits }]);
    expect([...core.schedule([0, 0, 0]).slots]).toEqual([1, 7, -1]);
  });

  test("an emptied slot refuses everything, and forgets its usage", () => {
    const core = coreWith(SMALL, classOf(3000, { ports: [0], conflictingPorts: [0] }));
    expect([...core.schedule([0]).slots]).toEqual([1]);
    core.removeNode(1);
    const names = schedulerNames("debug").filters;
    expect(names[core.evaluate(0).rejectedBy[1]!]).toBe("absent");
    core.putNode(1, nodeOf(3000));
    expect([...core.schedule([0]).slots]).toEqual([1]);
  });

  test("usage taken off makes room again", () => {
    const podClass = classOf(3000, { ports: [5], conflictingPorts: [5] });
    const core = coreWith(SMALL, podClass);
    expect([...core.schedule([0, 0]).slots]).toEqual([1, -1]);
    core.changeUsage(1, { usage: podClass, tracks: [], volumes: [] }, -1);
    expect([...core.schedule([0, 0]).slots]).toEqual([1, -1]);
  });

  test("a node that is closed for a decision is closed to an index, too, whatever the profile filters by", () => {
    const core = coreWith(SMALL, classOf(100, { skipsFit: true }));
    // The debug build lets a scan make each decision again, and the second of a class is an index's.
    expect([...core.schedule([0, 0, 0]).slots]).toEqual([1, 1, 1]);
    core.putNode(1, { ...nodeOf(3000), allocatablePods: ~10 });
    expect([...core.schedule([0, 0]).slots]).toEqual([0, 0]);
    core.putNode(1, nodeOf(3000));
    expect([...core.schedule([0]).slots]).toEqual([1]);
    expect(core.indexUse.indexed).toBeGreaterThan(3);
  });

  test("a core that cannot reserve its memory says so", () => {
    expect(() => new SchedulerCore({ capacity: { ...SMALL, nodes: 2 ** 31 }, flavour: "debug" })).toThrow(
      "cannot reserve",
    );
  });
});

test("a table's fields are the core's, under their names", () => {
  const core = instantiateScheduler("debug");
  core.reserve(2, 2, 1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const nodes = openTable(core.memory, core.NodeField, core.tableAddress(core.Table.nodes));
  nodes.allocatableMemory.set(1, 28727588291);
  expect(nodes.allocatableMemory.get(1)).toBe(28727588291);
  // @ts-expect-error: a field that the core does not have does not compile.
  expect(nodes.allocatableDisk).toBeUndefined();
  expect(core.reserve(2, 2, 1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)).toBe(
    core.Code.alreadyReserved,
  );
});
