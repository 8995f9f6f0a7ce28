import { expect, test } from "vitest";
import type { V1IPAddress, V1ServiceCIDR } from "../api/generated/types.ts";
import { reconcileServiceCIDR } from "./service-cidrs.ts";
import { inWords } from "./words.ts";

const NOW = Date.parse("2026-01-01T00:01:00Z");
const FINALIZER = "networking.k8s.io/service-cidr-finalizer";

/** `a 10.0.0.0/24 [kept] [ready] [going SECONDS ago]` */
function range(words: string): V1ServiceCIDR {
  const [name, cidr = "", ...marks] = words.split(" ");
  const at = marks.indexOf("going");
  const deleted = at < 0 ? undefined : new Date(NOW - 1000 * Number(marks[at + 1])).toISOString();
  const ready = { type: "Ready", status: "True", reason: "", message: "" };
  return {
    metadata: {
      name,
      finalizers: marks.includes("kept") ? [FINALIZER] : [],
      ...(deleted === undefined ? {} : { deletionTimestamp: deleted }),
    },
    spec: { cidrs: [cidr] },
    status: { conditions: marks.includes("ready") ? [{ ...ready, lastTransitionTime: "" }] : [] },
  };
}

test.each([
  { name: "a new one", range: "a 10.0.0.0/24", wants: ["update ServiceCIDR a", "patch ServiceCIDR a"] },
  { name: "one that is ready", range: "a 10.0.0.0/24 kept ready", wants: [] },
  {
    name: "one that goes and has an address",
    range: "a 10.0.0.0/24 kept ready going 60",
    addresses: "10.0.0.9",
    wants: ["patch ServiceCIDR a"],
  },
  {
    name: "its address is in another, too",
    range: "a 10.0.0.0/24 kept ready going 60",
    others: ["b 10.0.0.0/16"],
    addresses: "10.0.0.9",
    wants: ["update ServiceCIDR a"],
  },
  {
    name: "addresses elsewhere",
    range: "a 10.0.0.0/24 kept ready going 60",
    addresses: "10.0.1.9 fd00::1",
    wants: ["update ServiceCIDR a"],
  },
  {
    name: "one that has just been deleted",
    range: "a 10.0.0.0/24 kept ready going 4",
    wants: ["again in 6000 ms"],
  },
  { name: "one that was let go", range: "a 10.0.0.0/24 going 60", addresses: "10.0.0.9", wants: [] },
])("$name: $wants", ({ range: words, others = [], addresses = "", wants }) => {
  const observed = {
    range: range(words),
    others: others.map(range),
    addresses: addresses
      .split(" ")
      .filter(Boolean)
      .map((name) => ({ metadata: { name } }) as V1IPAddress),
  };
  expect(reconcileServiceCIDR(observed, NOW).map(inWords)).toEqual(wants);
});
