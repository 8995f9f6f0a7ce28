import { describe, expect, test } from "vitest";
import type { V1Deployment, V1ReplicaSet } from "../../api/generated/types.ts";
import { newSetAnnotations, nextRevision, revisionOf } from "./annotations.ts";
import { newSetSize, scaleDownOld } from "./rolling-update.ts";
import { maxSurge, maxUnavailable, rolloutOf } from "./rollout.ts";
import { proportionalSizes, scale } from "./scale.ts";

type Amount = number | string;

function deployment(
  replicas: number,
  surge: Amount = 0,
  unavailable: Amount = 0,
  image = "new",
): V1Deployment {
  return {
    metadata: { namespace: "w", name: "web", uid: "web" },
    spec: {
      replicas,
      selector: { matchLabels: { app: "web" } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
      template: { spec: { containers: [{ name: "c", image }] } },
    },
    status: { replicas },
  };
}

/** "image size available": sets are written oldest first. `max=N` and `desired=N` are its size annotations. */
function sets(...texts: string[]): V1ReplicaSet[] {
  return texts.map((text, age) => {
    const [image = "", size, available = size, ...more] = text.split(" ");
    const facts = new Map(more.map((word) => word.split("=") as [string, string]));
    const annotations: Record<string, string> = {};
    if (facts.has("max")) annotations["deployment.kubernetes.io/max-replicas"] = facts.get("max")!;
    if (facts.has("desired"))
      annotations["deployment.kubernetes.io/desired-replicas"] = facts.get("desired")!;
    return {
      metadata: { name: image, uid: image, creationTimestamp: `2026-01-01T00:00:0${age}Z`, annotations },
      spec: {
        replicas: Number(size),
        selector: {},
        template: { spec: { containers: [{ name: "c", image }] } },
      },
      status: { replicas: Number(size), availableReplicas: Number(available) },
    };
  });
}

test.each([
  { surge: "39%", unavailable: "39%", of: 10, wants: [4, 3] },
  { surge: "0%", unavailable: "0%", of: 10, wants: [0, 1] },
  { surge: "25%", unavailable: "25%", of: 1, wants: [1, 0] },
  { surge: "25%", unavailable: "25%", of: 3, wants: [1, 0] },
  { surge: 0, unavailable: "1%", of: 10, wants: [0, 1] },
  { surge: 0, unavailable: 5, of: 3, wants: [0, 3] },
  { surge: "25%", unavailable: "25%", of: 0, wants: [0, 0] },
])("surge $surge and unavailable $unavailable of $of", ({ surge, unavailable, of, wants }) => {
  const one = deployment(of, surge, unavailable);
  expect([maxSurge(one), maxUnavailable(one)]).toEqual(wants);
});

test.each([
  { wanted: 10, surge: 2, all: ["old 10", "new 0"], size: 2 },
  { wanted: 10, surge: 2, all: ["old 5", "new 0"], size: 7 },
  { wanted: 10, surge: 2, all: ["old 10", "new 2"], size: 2 },
  { wanted: 10, surge: 2, all: ["old 2", "new 11"], size: 10 },
])("of $wanted with $all the new set gets $size", ({ wanted, surge, all, size }) => {
  const given = sets(...all);
  expect(newSetSize(deployment(wanted, surge), given, given.at(-1)!.spec!.replicas!)).toBe(size);
});

test.each([
  { name: "all healthy", unavailable: 2, all: ["old 10"], wants: ["old 8"] },
  {
    name: "the unhealthy ones go first, and are enough",
    unavailable: 2,
    all: ["old 10 8"],
    wants: ["old 8"],
  },
  { name: "one unhealthy, then one healthy", unavailable: 2, all: ["old 10 9"], wants: ["old 9 8"] },
  {
    name: "new ones that are not available yet hold the old ones",
    unavailable: 2,
    all: ["old 8", "new 2 0"],
    wants: [],
  },
  {
    name: "nothing may be missing and nothing surge: one goes",
    unavailable: 0,
    all: ["old 10"],
    wants: ["old 9"],
  },
  { name: "the oldest first", unavailable: 4, all: ["older 3", "old 7"], wants: ["older 0", "old 6"] },
])("scales old sets down: $name", ({ unavailable, all, wants }) => {
  const given = sets(...all);
  const down = scaleDownOld(rolloutOf(deployment(10, 0, unavailable), given, 0));
  expect(down.map(({ set, sizes }) => [set.metadata?.name, ...sizes].join(" "))).toEqual(wants);
});

describe("scaling in proportion", () => {
  // From kube-controller-manager's own tables; the size that the sets were made for stands as max.
  test.each([
    { from: 5, to: 10, all: ["old 3", "new 2"], wants: { old: 6, new: 4 } },
    { from: 5, to: 3, all: ["old 3", "new 2"], wants: { old: 2, new: 1 } },
    { from: 9, to: 4, all: ["old 1", "new 8"], wants: { old: 0, new: 4 } },
    { from: 7, to: 10, all: ["older 2", "old 3", "new 2"], wants: { older: 3, old: 4, new: 3 } },
    { from: 13, to: 8, all: ["older 3", "old 8", "new 2"], wants: { older: 2, old: 5, new: 1 } },
    { from: 3, to: 4, all: ["older 1", "old 1", "new 1"], wants: { older: 1, old: 1, new: 2 } },
    { from: 3, to: 2, all: ["older 1", "old 1", "new 1"], wants: { older: 0, old: 1, new: 1 } },
    { from: 4, to: 5, all: ["older 2", "old 2"], wants: { older: 2, old: 3 } },
    { from: 6, to: 0, all: ["older 3", "old 2", "new 1"], wants: { older: 0, old: 0, new: 0 } },
    { from: 10, to: 20, surge: 2, all: ["old 6", "new 6"], wants: { old: 11, new: 11 } },
    { from: 10, to: 14, all: ["older 3", "old 7"], wants: { older: 4, old: 10 } },
  ])("$from to $to: $all", ({ from, to, surge = 0, all, wants }) => {
    const given = sets(...all.map((text) => `${text} ${text.split(" ")[1]} max=${from + surge}`));
    const sized = proportionalSizes(deployment(to, surge), given);
    expect(Object.fromEntries(sized.map(({ set, size }) => [set.metadata?.name, size]))).toEqual(wants);
  });

  test("the surge may change with the size", () => {
    const given = sets("old 8 8 max=13", "new 5 5 max=13");
    const sized = proportionalSizes(deployment(50, 6), given);
    expect(sized.map(({ set, size }) => `${set.metadata?.name} ${size}`)).toEqual(["old 34", "new 22"]);
  });

  test("an unreadable max-replicas: the Deployment's size is the base", () => {
    const given = sets("old 3 3 max=many", "new 2");
    const before = { ...deployment(10), status: { replicas: 5 } };
    const sized = proportionalSizes(before, given);
    expect(sized.map(({ set, size }) => `${set.metadata?.name} ${size}`)).toEqual(["old 6", "new 4"]);
  });

  const scaled = (wanted: number, ...texts: string[]) =>
    scale(rolloutOf(deployment(wanted), sets(...texts), 0)).map((change) =>
      change.do === "update"
        ? `${change.object.metadata?.name} ${(change.object as V1ReplicaSet).spec?.replicas}`
        : "",
    );

  test("one active set takes it all, none: the newest", () => {
    expect(scaled(4, "old 0", "new 2")).toEqual(["new 4"]);
    expect(scaled(6, "older 0", "old 0")).toEqual(["old 6"]);
  });

  test("a saturated new set ends the old ones, one that waits for its pods does not", () => {
    expect(scaled(2, "old 1", "new 2 2 desired=2")).toEqual(["old 0"]);
    expect(scaled(2, "old 1", "new 2 0 desired=2")).not.toContain("old 0");
  });
});

describe("revisions", () => {
  const REVISION = "deployment.kubernetes.io/revision";
  const HISTORY = "deployment.kubernetes.io/revision-history";
  const owner = {
    metadata: {
      annotations: { team: "a", [REVISION]: "1", "kubectl.kubernetes.io/last-applied-configuration": "{}" },
    },
  };
  const set = (revision: string): V1ReplicaSet => ({ metadata: { annotations: { [REVISION]: revision } } });

  test("the next is one more than any old set's, however large", () => {
    expect(nextRevision([])).toBe(1n);
    expect(nextRevision([set("3"), set("x"), set("2305843009213693951")])).toBe(2305843009213693952n);
    expect(revisionOf(set("x"))).toBe(0n);
  });

  test.each([
    { name: "a new set", old: {}, wanted: 1n, wants: { team: "a", [REVISION]: "1" } },
    {
      name: "one that is newest already",
      old: { [REVISION]: "4" },
      wanted: 3n,
      wants: { team: "a", [REVISION]: "4" },
    },
    {
      name: "one that comes back",
      old: { [REVISION]: "1" },
      wanted: 3n,
      wants: { team: "a", [REVISION]: "3", [HISTORY]: "1" },
    },
    {
      name: "one that comes back again",
      old: { [REVISION]: "3", [HISTORY]: "1" },
      wanted: 5n,
      wants: { team: "a", [REVISION]: "5", [HISTORY]: "1,3" },
    },
    {
      name: "an unreadable one",
      old: { [REVISION]: "x" },
      wanted: 3n,
      wants: { team: "a", [REVISION]: "x" },
    },
    {
      name: "one with an annotation that its Deployment lost",
      old: { gone: "1", [REVISION]: "1" },
      wanted: 1n,
      wants: { gone: "1", team: "a", [REVISION]: "1" },
    },
  ])("annotations of $name", ({ old, wanted, wants }) => {
    expect(newSetAnnotations(owner, old as Record<string, string>, wanted)).toEqual(wants);
  });

  test("a history that gets too long loses its oldest numbers", () => {
    const long = Array.from({ length: 500 }, (_, i) => String(i + 1000)).join(",");
    const annotations = newSetAnnotations(owner, { [REVISION]: "1499", [HISTORY]: long }, 2000n);
    const history = annotations[HISTORY]!;
    expect([history.length <= 2000, history.endsWith(",1499"), history.startsWith("1000,")]).toEqual([
      true,
      true,
      false,
    ]);
  });
});
