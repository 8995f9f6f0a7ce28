import { describe, expect, test } from "vitest";
import type { V1Endpoint, V1EndpointSlice } from "../../api/generated/types.ts";
import { packSlices } from "./pack-slices.ts";

const PORTS = [{ name: "", protocol: "TCP", port: 8080 }];
const OTHER_PORTS = [{ name: "", protocol: "TCP", port: 9090 }];

/** Endpoints numbered from..from+count; the ready ones unless told otherwise. */
function endpoints(from: number, count: number, ready = true): V1Endpoint[] {
  return Array.from({ length: count }, (_, i) => ({
    addresses: [`10.0.${Math.floor((from + i) / 250)}.${(from + i) % 250}`],
    conditions: { ready },
  }));
}

/** Slices of the given sizes, filled with endpoints numbered from 0. */
function slices(...sizes: number[]): V1EndpointSlice[] {
  let from = 0;
  return sizes.map((size, i) => {
    const slice = {
      metadata: { name: `s${i}` },
      addressType: "IPv4",
      ports: PORTS,
      endpoints: endpoints(from, size),
    };
    from += size;
    return slice;
  });
}

function pack(wanted: V1Endpoint[], existing: V1EndpointSlice[], ports = PORTS, current = true) {
  const plan = packSlices(wanted.length === 0 ? [] : [{ ports, endpoints: wanted }], existing, () => current);
  const size = ({ endpoints = [] }: Partial<V1EndpointSlice>) => endpoints.length;
  return {
    create: plan.create.map(size),
    update: plan.update.map((slice) => `${slice.metadata?.name} ${size(slice)}`),
    remove: plan.remove.map((slice) => slice.metadata?.name),
  };
}

// The numbers are those of kube-controller-manager's own tables.
describe("packing", () => {
  test.each([
    { name: "no pods: one empty slice", wanted: endpoints(0, 0), existing: [], create: [0], update: [] },
    { name: "no slices yet", wanted: endpoints(0, 250), existing: [], create: [100, 100, 50], update: [] },
    {
      name: "127 more beside 62 and 61",
      wanted: endpoints(0, 250),
      existing: slices(62, 61),
      create: [100],
      update: ["s0 89"],
    },
    {
      name: "152 more beside 74 and 74: what is left fits nowhere",
      wanted: endpoints(0, 300),
      existing: slices(74, 74),
      create: [100, 52],
      update: [],
    },
    {
      name: "half-empty slices stay",
      wanted: endpoints(0, 300),
      existing: slices(30, 30, 30, 30, 30, 30, 30, 30, 30, 30),
      create: [],
      update: [],
    },
    {
      name: "readiness flips everywhere: the new ones go to the fuller",
      wanted: [...endpoints(0, 100, false), ...endpoints(100, 15)],
      existing: slices(80, 20),
      create: [],
      update: ["s0 95", "s1 20"],
    },
    { name: "one pod goes", wanted: endpoints(1, 9), existing: slices(10), create: [], update: ["s0 9"] },
  ])("$name", ({ wanted, existing, create, update }) => {
    expect(pack(wanted, existing)).toEqual({ create, update, remove: [] });
  });

  test("a changed port: slices are used again for the new one, the rest go", () => {
    const existing = slices(30, 30, 30, 30, 30, 30, 30, 30, 30, 30);
    const plan = pack(endpoints(0, 300), existing, OTHER_PORTS);
    expect([plan.create, plan.update.map((text) => text.split(" ")[1]), plan.remove.length]).toEqual([
      [],
      ["100", "100", "100"],
      7,
    ]);
  });

  test("when all pods go, the slice becomes the empty one and then stays", () => {
    expect(pack([], slices(3))).toEqual({ create: [], update: ["s0 0"], remove: [] });
    const empty: V1EndpointSlice = {
      metadata: { name: "s0" },
      addressType: "IPv4",
      endpoints: [],
      ports: [],
    };
    expect(pack([], [empty])).toEqual({ create: [], update: [], remove: [] });
  });

  test("the empty slice is used when the first pod comes", () => {
    const empty: V1EndpointSlice = { metadata: { name: "s0" }, addressType: "IPv4" };
    expect(pack(endpoints(0, 1), [empty])).toEqual({ create: [], update: ["s0 1"], remove: [] });
  });

  test("labels that are not as they should be are a change", () => {
    expect(pack(endpoints(0, 2), slices(2), PORTS, false)).toEqual({
      create: [],
      update: ["s0 2"],
      remove: [],
    });
  });

  test("pods with other port numbers stand in slices of their own", () => {
    const groups = [
      { ports: PORTS, endpoints: endpoints(0, 2) },
      { ports: OTHER_PORTS, endpoints: endpoints(2, 1) },
    ];
    const { create } = packSlices(groups, [], () => true);
    expect(create.map((group) => [group.ports[0]?.port, group.endpoints.length])).toEqual([
      [8080, 2],
      [9090, 1],
    ]);
  });
});
