import { expect, test } from "vitest";
import { MAX_TABLE_CAPACITY, ServiceTableCore, TableCapacityError } from "./service-table-core.ts";
import type { Entry, TableCapacity } from "./service-table-facts.ts";

const SMALL: TableCapacity = {
  entries: 8,
  services: 2,
  targets: 2,
  endpoints: 2,
  ranges: 1,
  locals: 8,
  affinities: 8,
  flows: 8,
  packets: 4,
};
const at = (last: number, way: Entry["way"] = "clusterIp"): Entry => ({
  address: [0, 0, 0xffff, last],
  port: 80,
  protocol: 6,
  way,
});

test.each(["services", "targets", "endpoints", "ranges", "entries", "locals"] as const)(
  "what is more %s than a table can hold is named, and the table stays",
  (name) => {
    const core = new ServiceTableCore(SMALL, { flavour: "debug", seed: 0 });
    expect(() => core.ensure({ [name]: MAX_TABLE_CAPACITY[name] + 1 })).toThrow(TableCapacityError);
    expect(() => core.ensure({ [name]: MAX_TABLE_CAPACITY[name] + 1 })).toThrow(
      new RegExp(`^\\d+ ${name} are more than`),
    );
    expect(core.capacity).toEqual(SMALL);
  },
);

test("rows with one key keep their order, through removal and growth", () => {
  const core = new ServiceTableCore(SMALL, { flavour: "debug", seed: 3 });
  for (const service of [3, 1, 2]) core.addEntry(service, at(7));
  core.addEntry(9, at(8));
  core.removeEntry(1, at(7));
  core.ensure({ entries: 100 });
  core.addEntry(4, at(7, "vip"));
  expect(core.entriesAt(at(7))).toEqual([
    { service: 3, way: "clusterIp" },
    { service: 2, way: "clusterIp" },
    { service: 4, way: "vip" },
  ]);
  expect(core.entriesAt(at(8))).toEqual([{ service: 9, way: "clusterIp" }]);
  expect(core.entriesAt(at(6))).toEqual([]);
  expect(core.entryCount).toBe(4);
});

test("a table that is not grown in time says so, loudly", () => {
  const core = new ServiceTableCore(SMALL, { flavour: "debug", seed: 0 });
  expect(() => {
    for (let i = 0; i < 8; i++) core.addEntry(0, at(i));
  }).toThrow(/no room was made/);
});
