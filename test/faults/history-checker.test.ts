import { describe, expect, test } from "vitest";
import { checkHistory } from "./history-checker.ts";
import { historyOf } from "./history-shorthand.ts";

const good: { name: string; history: string[] }[] = [
  { name: "nothing at all", history: [] },
  {
    name: "one after the other",
    history: [
      "p: create /a x = 2",
      "q: get /a = /a x@2",
      "q: update /a@2 y = 3",
      "p: get /a at 2 = /a x@2",
      "p: range / = 3 /a y@3/2",
      "p: delete /a@3 = 4",
      "q: get /a = -",
      "q: create /a z = 5",
      "q: get /a = /a z@5",
    ],
  },
  {
    name: "a read beside a write may see it or not",
    history: ["p: create /a x", "q: get /a = -", "r: get /a = /a x@2", "p = 2"],
  },
  {
    name: "writes side by side take their revisions as they like",
    history: ["p: create /a x", "q: create /b y", "p = 3", "q = 2", "r: range / = 3 /a x@3, /b y@2"],
  },
  {
    name: "an unknown outcome may turn out carried out, even late",
    history: ["p: create /a x = ?", "q: get /a = -", "q: get /a = /a x@2"],
  },
  {
    name: "or not at all",
    history: ["p: create /a x = ?", "q: get /a = -", "q: create /a y = 2", "q: get /a = /a y@2"],
  },
  {
    name: "a refusal beside a write that is not answered yet",
    history: ["p: create /a x", "q: create /a y = no /a x@2", "p = 2"],
  },
  {
    name: "a transaction, and what it is told of both keys when it is refused",
    history: [
      "p: create /a x, create /b y = 2",
      "q: update /a@2 z, delete /b@1 = no /a x@2, /b y@2",
      "q: delete /b@2, check /a@2 = 3",
      "q: check /a@2, check /b@0 = 3",
    ],
  },
  {
    name: "watches from the beginning, from the middle and resumed",
    history: [
      "w: watch / after 1",
      "p: create /a x = 2",
      "w tells 2 /a x",
      "p: update /a@2 y = 3",
      "p: create /b z = 4",
      "w tells 3 /a y@3/2 was x@2 | 4 /b z",
      "w progress 4",
      "w over",
      "v: watch /a after 2",
      "p: delete /a@3 = 5",
      "v tells 3 /a y@3/2 was x@2",
      "v tells 5 /a gone was y@3/2",
      "u: watch / after 4",
      "u tells 5 /a gone was y@3/2",
      "v settled 5",
      "u settled 5",
    ],
  },
  {
    name: "a transaction reaches a watcher in one batch, and only the keys it watches",
    history: [
      "w: watch /a after 1",
      "v: watch / after 1",
      "p: create /a1 x, create /a2 y, create /b z = 2",
      "v tells 2 /a1 x | 2 /a2 y | 2 /b z",
      "w tells 2 /a1 x | 2 /a2 y",
      "w settled 2",
    ],
  },
];

describe("a history that keeps its promises", () => {
  test.each(good)("$name", ({ history }) => {
    expect(checkHistory(historyOf(...history))).toEqual([]);
  });
});

/** Each is wrong in one way; `breaks` is the promise that has to be named. */
const bad: { breaks: string; name: string; history: string[] }[] = [
  {
    breaks: "linearizable",
    name: "an acknowledged write is gone",
    history: ["p: create /a x = 2", "q: get /a = -"],
  },
  {
    breaks: "linearizable",
    name: "an acknowledged write is missing in a range",
    history: ["p: create /a x = 2", "p: create /b y = 3", "q: range / = 3 /b y@3"],
  },
  {
    breaks: "linearizable",
    name: "a read of what was replaced before it was asked",
    history: ["p: create /a x = 2", "p: update /a@2 y = 3", "q: get /a = /a x@2"],
  },
  {
    breaks: "linearizable",
    name: "a read goes back behind another read",
    history: [
      "p: create /a x = 2",
      "p: update /a@2 y",
      "q: get /a = /a y@3/2",
      "r: get /a = /a x@2",
      "p = 3",
    ],
  },
  {
    breaks: "linearizable",
    name: "a read goes back behind what a watcher has seen",
    history: ["w: watch / after 1", "p: create /a x", "w tells 2 /a x", "q: get /a = -", "p = 2"],
  },
  {
    breaks: "linearizable",
    name: "two keys read one after the other were never so",
    history: [
      "p: create /a x = 2",
      "p: update /a@2 y",
      "q: create /b z",
      "r: get /b = /b z@4",
      "r: get /a = /a x@2",
      "p = 3",
      "q = 4",
    ],
  },
  {
    breaks: "linearizable",
    name: "a range at an old revision",
    history: ["p: create /a x = 2", "p: create /b y = 3", "q: range / = 2 /a x@2"],
  },
  {
    breaks: "linearizable",
    name: "a range with a deleted key",
    history: ["p: create /a x = 2", "p: delete /a@2 = 3", "q: range / = 3 /a x@2"],
  },
  {
    breaks: "linearizable",
    name: "the past has changed",
    history: ["p: create /a x = 2", "p: update /a@2 y = 3", "q: get /a at 2 = /a y@3/2"],
  },
  {
    breaks: "linearizable",
    name: "a refusal tells of two keys what never was together",
    history: [
      "p: create /a x, create /b y = 2",
      "p: update /a@2 x2 = 3",
      "q: update /b@2 y2",
      "r: delete /a@9, delete /b@9 = no /a x@2, /b y@2",
      "q = 4",
    ],
  },
  {
    breaks: "one truth",
    name: "a wrong value",
    history: ["p: create /a x = 2", "q: get /a = /a z@2"],
  },
  {
    breaks: "one truth",
    name: "two watchers are told different things",
    history: [
      "w: watch / after 1",
      "v: watch / after 1",
      "p: create /a x = 2",
      "w tells 2 /a x",
      "v tells 2 /a gone",
    ],
  },
  {
    breaks: "unique revisions",
    name: "one revision for two writes",
    history: ["p: create /a x", "q: create /b y", "p = 2", "q = 2"],
  },
  {
    breaks: "growing revisions",
    name: "a later write gets a lower revision",
    history: ["p: create /a x = 3", "p: create /b y = 2"],
  },
  {
    breaks: "growing revisions",
    name: "a revision that nobody ever saw",
    history: ["p: create /a x = 2", "p: create /b y = 4"],
  },
  {
    breaks: "growing revisions",
    name: "a read sees a write that is asked for only later",
    history: ["q: get /a = /a x@2", "p: create /a x = 2"],
  },
  {
    breaks: "origin",
    name: "a value that nobody wrote",
    history: ["p: create /a x = 2", "q: get /b = /b z@3"],
  },
  {
    breaks: "origin",
    name: "an unknown write is carried out twice",
    history: [
      "w: watch / after 1",
      "p: create /a x = ?",
      "q: delete /a",
      "w tells 2 /a x",
      "w tells 3 /a gone was x@2",
      "q = 3",
      "w tells 4 /a x",
    ],
  },
  {
    breaks: "origin",
    name: "what was refused for certain is there",
    history: ["p: create /a x = never", "q: get /a = /a x@2"],
  },
  {
    breaks: "origin",
    name: "half of an unknown transaction",
    history: ["p: create /a x, create /b y = ?", "q: range / = 2 /a x@2"],
  },
  {
    breaks: "origin",
    name: "a write changes a key that it did not name",
    history: ["w: watch / after 1", "p: create /a x = 2", "w tells 2 /a x | 2 /b y"],
  },
  {
    breaks: "conditions",
    name: "two creates of one key",
    history: ["p: create /a x = 2", "q: create /a y = 3"],
  },
  {
    breaks: "conditions",
    name: "an update of what somebody else had changed",
    history: ["p: create /a x = 2", "p: update /a@2 y = 3", "q: update /a@2 z = 4"],
  },
  {
    breaks: "conditions",
    name: "a delete of nothing",
    history: ["p: create /a x = 2", "p: delete /a@2 = 3", "q: delete /a = 4"],
  },
  {
    breaks: "conditions",
    name: "a refusal without a reason",
    history: ["p: create /a x = 2", "q: update /a@2 y = no /a x@2"],
  },
  {
    breaks: "ordered",
    name: "a later revision first",
    history: [
      "w: watch / after 1",
      "p: create /a x = 2",
      "p: create /b y = 3",
      "w tells 3 /b y",
      "w tells 2 /a x",
    ],
  },
  {
    breaks: "ordered",
    name: "keys of one revision out of order",
    history: ["w: watch / after 1", "p: create /a x, create /b y = 2", "w tells 2 /b y | 2 /a x"],
  },
  {
    breaks: "unique",
    name: "an event comes twice",
    history: ["w: watch / after 1", "p: create /a x = 2", "w tells 2 /a x", "w tells 2 /a x"],
  },
  {
    breaks: "atomic",
    name: "a transaction is split",
    history: ["w: watch / after 1", "p: create /a x, create /b y = 2", "w tells 2 /a x", "w tells 2 /b y"],
  },
  {
    breaks: "reliable",
    name: "an event between two is left out",
    history: [
      "w: watch / after 1",
      "p: create /a x = 2",
      "p: create /b y = 3",
      "p: create /c z = 4",
      "w tells 2 /a x",
      "w tells 4 /c z",
    ],
  },
  {
    breaks: "reliable",
    name: "the last event never comes",
    history: [
      "w: watch / after 1",
      "p: create /a x = 2",
      "p: create /b y = 3",
      "w tells 2 /a x",
      "w settled 3",
    ],
  },
  {
    breaks: "resumable",
    name: "the first event after the one it resumes from is left out",
    history: [
      "p: create /a x = 2",
      "p: create /b y = 3",
      "p: create /c z = 4",
      "w: watch / after 2",
      "w tells 4 /c z",
    ],
  },
  {
    breaks: "bookmarkable",
    name: "a notice comes before an event that it covers",
    history: ["w: watch / after 1", "p: create /a x = 2", "w progress 2", "w tells 2 /a x"],
  },
  {
    breaks: "bookmarkable",
    name: "notices go back",
    history: ["w: watch /z after 1", "p: create /a x = 2", "w progress 2", "w progress 1"],
  },
  {
    breaks: "previous value",
    name: "not what was there",
    history: [
      "p: create /a x = 2",
      "p: update /a@2 y = 3",
      "p: update /a@3 z = 4",
      "w: watch / after 3",
      "w tells 4 /a z@4/2 was x@2",
    ],
  },
  {
    breaks: "previous value",
    name: "a previous value of a new key",
    history: ["w: watch / after 1", "p: create /a x = 2", "w tells 2 /a x was w@1"],
  },
  {
    breaks: "is-create",
    name: "an update that looks like a create",
    history: ["p: create /a x = 2", "p: update /a@2 y = 3", "w: watch / after 2", "w tells 3 /a y was x@2"],
  },
  {
    breaks: "filter",
    name: "a key that is not watched",
    history: ["w: watch /b after 1", "p: create /a x = 2", "w tells 2 /a x"],
  },
  {
    breaks: "filter",
    name: "a revision from before",
    history: ["w: watch / after 2", "p: create /a x = 2", "w tells 2 /a x"],
  },
  {
    breaks: "history",
    name: "an event after the end of the watch",
    history: ["w: watch / after 1", "w over", "p: create /a x = 2", "w tells 2 /a x"],
  },
];

describe("a history that does not", () => {
  test.each(bad)("$breaks: $name", ({ breaks, history }) => {
    const violations = checkHistory(historyOf(...history));
    expect(violations.map((line) => line.split(":")[0])).toContain(breaks);
  });

  test("says what, who and when in one line", () => {
    expect(
      checkHistory(historyOf("p: create /a x = 2", "p: update /a@2 y = 3", "q: get /a = /a x@2")),
    ).toEqual(["linearizable: q2 found /a@2, which was never so after revision 3"]);
  });
});
