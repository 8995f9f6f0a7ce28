import { describe, expect, test } from "vitest";
import { Auditor, type Happening } from "./auditor.ts";
import { HOSTNAME, type PodFacts, type PodRules, ZONE } from "./facts.ts";

/** Faults are planted in small histories, and each is found; beside each stands the history that has none. */
type Line = (at: { revision: number; atMs: number }) => Happening;

const plain: PodRules = {
  app: "web",
  priority: 0,
  milliCpu: 1_000,
  mebibytes: 100,
  hostPort: undefined,
  zone: undefined,
  toleratesTaint: false,
  apart: [],
  together: [],
  spread: [],
};
const node =
  (name: string, zone: string, is: { closed?: true; cordoned?: true; gone?: true } = {}): Line =>
  (at) => ({
    ...at,
    isGone: is.gone === true,
    node: {
      name,
      labels: { [ZONE]: zone, [HOSTNAME]: name },
      milliCpu: 2_000,
      mebibytes: 1_000,
      pods: 3,
      isClosed: is.closed === true || is.cordoned === true,
      isCordoned: is.cordoned === true,
    },
  });
const pod =
  (name: string, on: string | undefined, rules: Partial<PodRules> = {}, also: Partial<PodFacts> = {}): Line =>
  (at) => ({
    ...at,
    isGone: false,
    pod: {
      uid: name,
      name,
      node: on,
      isLeaving: false,
      hasEnded: false,
      reason: "there is no room",
      rules: { ...plain, ...rules },
      ...also,
    },
  });
const gone =
  (name: string, on: string, rules: Partial<PodRules> = {}): Line =>
  (at) => ({
    ...pod(name, on, rules)(at),
    isGone: true,
  });
/** Long enough for everybody to know. */
const LATER = 10_000;
const later = "later" as const;

function audit(lines: readonly (Line | typeof later)[]): string[] {
  const auditor = new Auditor();
  let atMs = 0;
  const history = [node("a1", "a"), node("b1", "b"), later, ...lines].flatMap((line, revision) => {
    if (line === later) atMs += LATER;
    return line === later ? [] : [line({ revision, atMs })];
  });
  auditor.see(history);
  auditor.finish(atMs + LATER);
  return [...auditor.faults, ...auditor.lost()];
}

const apart = { apart: [{ key: ZONE, app: "web" }] };
const together = { app: "api", together: [{ key: ZONE, app: "web" }] };
const even = { milliCpu: 10, spread: [{ key: ZONE, app: "web", maxSkew: 1 }] };
const tiny = { milliCpu: 10 };

describe("what the auditor finds", () => {
  test.each<[string, readonly (Line | typeof later)[], readonly string[]]>([
    ["room for both", [pod("p", "a1"), pod("q", "a1")], []],
    [
      "too much CPU",
      [pod("p", "a1"), pod("q", "a1", { milliCpu: 1_001 })],
      ["q on a1: 2001m of 2000m CPU are given away"],
    ],
    [
      "too much memory",
      [pod("p", "a1", { mebibytes: 1_001 })],
      ["p on a1: 1001Mi of 1000Mi memory are given away"],
    ],
    ["too many pods", ["p", "q", "r", "s"].map((name) => pod(name, "a1", tiny)), ["s on a1: 4 pods of 3"]],
    ["room of one that went", [pod("p", "a1", { milliCpu: 2_000 }), gone("p", "a1"), pod("q", "a1")], []],
    [
      "a host port twice",
      [pod("p", "a1", { hostPort: 80 }), pod("q", "a1", { hostPort: 80 })],
      ["q on a1: host port 80 is taken"],
    ],
    ["another zone", [pod("p", "a1", { zone: "b" })], ["p on a1: the node is in another zone"]],
    ["a node nobody knows", [pod("p", "c1")], ["p on c1: it never existed"]],
    [
      "a node that went long ago",
      [node("a1", "a", { gone: true }), later, pod("p", "a1")],
      ["p on a1: the node is gone"],
    ],
    ["a node that went just now", [node("a1", "a", { gone: true }), pod("p", "a1")], []],
    [
      "a node that was cordoned long ago",
      [node("a1", "a", { cordoned: true }), later, pod("p", "a1", { toleratesTaint: true })],
      ["p on a1: nobody may come to the node"],
    ],
    [
      "a taint",
      [node("a1", "a", { closed: true }), later, pod("p", "a1")],
      ["p on a1: the node's taint is not tolerated"],
    ],
    [
      "a taint that is tolerated",
      [node("a1", "a", { closed: true }), later, pod("p", "a1", { toleratesTaint: true })],
      [],
    ],
    ["moved", [pod("p", "a1"), pod("p", "b1")], ["p: was bound to a1, and then to b1"]],
    [
      "near one that it must be apart from",
      [pod("p", "a1"), pod("q", "a1", apart)],
      ["q on a1: must be apart from p"],
    ],
    [
      "near one that must be apart from it",
      [pod("p", "a1", apart), pod("q", "a1")],
      ["q on a1: p must be apart from it"],
    ],
    ["apart", [pod("p", "a1", apart), pod("q", "b1", apart)], []],
    ["alone", [pod("p", "b1"), later, pod("q", "a1", together)], ["q on a1: no web near it"]],
    ["in company", [pod("p", "a1"), later, pod("q", "a1", together)], []],
    ["in company that comes soon after", [pod("q", "a1", together), pod("p", "a1")], []],
    ["the first of its own kind", [pod("p", "a1", { ...together, app: "web" })], []],
    [
      "skewed",
      [pod("p", "a1", even), later, pod("q", "a1", even)],
      ["q on a1: web is skewed by 2, more than 1, over topology.kubernetes.io/zone (a: 1 to 1, b: 0 to 0)"],
    ],
    [
      "beside one that was bound just before, and perhaps placed after",
      [pod("p", "a1", even), pod("q", "a1", even)],
      [],
    ],
    ["spread", [pod("p", "a1", even), later, pod("q", "b1", even), later, pod("r", "a1", even)], []],
    [
      "evened out by one that is on its way out, and counts no more",
      [
        pod("p", "a1", even),
        pod("q", "b1", even),
        pod("q", "b1", even, { isLeaving: true }),
        later,
        pod("r", "a1", even),
      ],
      ["r on a1: web is skewed by 2, more than 1, over topology.kubernetes.io/zone (a: 1 to 1, b: 0 to 0)"],
    ],
    [
      "waiting in silence",
      [pod("p", undefined, {}, { reason: undefined })],
      ["p: waits, and nobody says why"],
    ],
    ["waiting with room", [pod("p", undefined)], ['p: waits ("there is no room"), though a1 would do']],
    ["waiting for good reason", [pod("p", undefined, { milliCpu: 2_001 })], []],
    [
      "waiting for the room of lesser pods",
      [pod("p", "a1", { milliCpu: 1_500 }), pod("q", undefined, { milliCpu: 2_000, zone: "a", priority: 1 })],
      ["q: waits, though lesser pods are on a1"],
    ],
    [
      "waiting for the room of equals",
      [pod("p", "a1", { milliCpu: 1_500 }), pod("q", undefined, { milliCpu: 2_000, zone: "a" })],
      [],
    ],
  ])("%s", (_, lines, faults) => {
    expect(audit(lines)).toEqual(faults);
  });
});
