import { describe, expect, test } from "vitest";
import { ConfigMap } from "../../api/core-kinds.ts";
import type { Kind } from "../../api/kind.ts";
import type { KubernetesObject, OwnerReference } from "../../apimachinery/object.ts";
import type { Change } from "../change.ts";
import { type OwnerState, reconcileNode } from "./garbage-collector.ts";
import type { Node } from "./graph.ts";

const KIND = ConfigMap as unknown as Kind;

/** A reference to the owner of that UID; `!` behind it: it blocks the owner's deletion. */
function reference(text: string): OwnerReference {
  const uid = text.replace("!", "");
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    name: uid,
    uid,
    ...(text.endsWith("!") ? { blockOwnerDeletion: true } : {}),
  };
}

/** "name words": `leaving`, `foreground` and `orphan` (finalizers), `of=uid` or `of=uid!` (an owner). */
function node(text: string): Node {
  const [name = "", ...words] = text.split(" ");
  const finalizers = words.flatMap((word) =>
    word === "foreground" ? ["foregroundDeletion"] : word === "orphan" ? ["orphan"] : [],
  );
  const object: KubernetesObject = {
    metadata: {
      namespace: "w",
      name,
      uid: name,
      resourceVersion: "7",
      ...(finalizers.length > 0 ? { finalizers } : {}),
      ...(words.includes("leaving") ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
      ownerReferences: words.filter((word) => word.startsWith("of=")).map((word) => reference(word.slice(3))),
    },
  };
  return { kind: KIND, object };
}

function inWords(change: Change): string {
  switch (change.do) {
    case "delete":
      return `delete ${change.object.metadata?.name} ${change.options?.propagationPolicy}`;
    case "patch":
      return `patch ${change.object.metadata?.name} ${JSON.stringify(change.patch.body)}`;
    case "together":
      return change.changes.map(inWords).join("; ");
    default:
      return change.do;
  }
}

function reconcile(
  object: string,
  owners: Readonly<Record<string, OwnerState | undefined>> = {},
  dependents: readonly string[] = [],
) {
  const states = Object.entries(owners).map(([uid, state = "solid"]) => ({
    reference: reference(uid),
    state,
  }));
  return reconcileNode({ node: node(object), owners: states, dependents: dependents.map(node) }).map(inWords);
}

describe("an object", () => {
  test.each([
    { name: "without owners stays", object: "a", owners: {}, wants: [] },
    { name: "whose owner is there stays", object: "a", owners: { o: "solid" }, wants: [] },
    {
      name: "whose owner is gone goes",
      object: "a",
      owners: { o: "dangling" },
      wants: ["delete a Background"],
    },
    {
      name: "with one owner left forgets the others",
      object: "a",
      owners: { o: "solid", p: "dangling", q: "waiting" },
      wants: [
        'patch a {"metadata":{"uid":"a","ownerReferences":[{"$patch":"delete","uid":"p"},{"$patch":"delete","uid":"q"}]}}',
      ],
    },
    {
      name: "of a kind that is not served is kept and asked about again",
      object: "a",
      owners: { o: "unknown" },
      wants: ["retry"],
    },
    { name: "that no owner can ever hold is left alone", object: "a", owners: { o: "foreign" }, wants: [] },
    {
      name: "whose owner waits for it goes",
      object: "a",
      owners: { o: "waiting" },
      wants: ["delete a Background"],
    },
    {
      name: "whose owner waits takes its own dependents along",
      object: "a",
      owners: { o: "waiting" },
      dependents: ["b of=a!"],
      wants: ["delete a Foreground"],
    },
    {
      name: "in a circle of waiting no longer blocks",
      object: "a of=b!",
      owners: { b: "waiting" },
      dependents: ["b leaving foreground of=a!"],
      wants: [
        'patch a {"metadata":{"uid":"a","ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"b","uid":"b","blockOwnerDeletion":false}]}}',
        "delete a Foreground",
      ],
    },
    {
      name: "keeps the manner it was marked for: orphan",
      object: "a orphan",
      owners: { o: "dangling" },
      wants: ["delete a Orphan"],
    },
    {
      name: "keeps the manner it was marked for: foreground",
      object: "a foreground",
      owners: { o: "dangling" },
      wants: ["delete a Foreground"],
    },
    {
      name: "that is leaving by itself is left alone",
      object: "a leaving",
      owners: { o: "dangling" },
      wants: [],
    },
  ] as const)("$name", (row) => {
    expect(reconcile(row.object, row.owners, "dependents" in row ? row.dependents : [])).toEqual(row.wants);
  });
});

describe("an owner", () => {
  test.each([
    {
      name: "in the foreground waits for dependents that block",
      object: "a leaving foreground",
      dependents: ["b of=a!"],
      wants: [],
    },
    {
      name: "in the foreground goes when none blocks",
      object: "a leaving foreground",
      dependents: ["b of=a"],
      wants: ['patch a {"metadata":{"resourceVersion":"7","finalizers":[]}}'],
    },
    {
      name: "that orphans is forgotten first, then goes",
      object: "a leaving orphan",
      dependents: ["b of=a!", "c of=a"],
      wants: [
        'patch b {"metadata":{"uid":"b","ownerReferences":[{"$patch":"delete","uid":"a"}]}}; ' +
          'patch c {"metadata":{"uid":"c","ownerReferences":[{"$patch":"delete","uid":"a"}]}}',
        'patch a {"metadata":{"resourceVersion":"7","finalizers":[]}}',
      ],
    },
  ])("$name", ({ object, dependents, wants }) => {
    expect(reconcile(object, {}, dependents)).toEqual(wants);
  });
});

test("deletes exactly the object that was judged", () => {
  const [change] = reconcileNode({
    node: node("a"),
    owners: [{ reference: reference("o"), state: "dangling" }],
    dependents: [],
  });
  expect(change?.do === "delete" && change.options?.preconditions).toEqual({
    uid: "a",
    resourceVersion: "7",
  });
});
