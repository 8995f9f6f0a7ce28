import { expect, test } from "vitest";
import { parse } from "yaml";
import type { V1PersistentVolume, V1PersistentVolumeClaim, V1Pod } from "../api/generated/types.ts";
import { reconcileClaim, volumeProtectionController } from "./storage-protection.ts";

const HELD = "finalizers: [kubernetes.io/pvc-protection]";
const GOING = 'deletionTimestamp: "2026-01-01T00:00:00Z"';
const USES = "volumes: [{name: v, persistentVolumeClaim: {claimName: a}}]";

test.each([
  ["a claim without its finalizer gets it", "{}", [], ["kubernetes.io/pvc-protection"]],
  ["a claim that has it is left alone", `{${HELD}}`, [], undefined],
  ["a going claim nobody uses goes", `{${HELD}, ${GOING}}`, [], []],
  ["a scheduled pod holds it", `{${HELD}, ${GOING}}`, [`{spec: {nodeName: n, ${USES}}}`], undefined],
  [
    "a finished pod holds it too",
    `{${HELD}, ${GOING}}`,
    [`{spec: {nodeName: n, ${USES}}, status: {phase: Failed}}`],
    undefined,
  ],
  ["a pod that waits does not", `{${HELD}, ${GOING}}`, [`{spec: {${USES}}}`], []],
  [
    "nor a finished pod whose own it was",
    `{${HELD}, ${GOING}}`,
    ["{spec: {nodeName: n, volumes: [{name: v, ephemeral: {}}]}, status: {phase: Succeeded}}"],
    [],
  ],
] as const)("%s", (_, metadata, pods, finalizers) => {
  const claim: V1PersistentVolumeClaim = {
    metadata: { name: "a", namespace: "ns", ...(parse(metadata) as object) },
  };
  const [change] = reconcileClaim({ claim, pods: pods.map((text) => parse(text) as V1Pod) });
  expect(change?.do === "update" ? change.object.metadata?.finalizers : undefined).toEqual(finalizers);
});

test.each([
  ["Bound", undefined],
  ["Released", []],
])("a going volume that is %s", (phase, finalizers) => {
  const metadata = parse(`{name: a, finalizers: [kubernetes.io/pv-protection], ${GOING}}`) as object;
  const volume: V1PersistentVolume = { metadata, status: { phase } };
  const [change] = volumeProtectionController.reconcile(volume, 0);
  expect(change?.do === "update" ? change.object.metadata?.finalizers : undefined).toEqual(finalizers);
});
