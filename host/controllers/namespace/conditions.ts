import type { V1NamespaceCondition, V1NamespaceStatus } from "../../api/generated/types.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import type { Content } from "./namespace.ts";

/** What a namespace says of its emptying: five conditions, all False when all is well (controllers.md 12). */
export function deletionStatus(
  status: V1NamespaceStatus | undefined,
  remaining: readonly Content[],
  failure: Error | undefined,
  nowMs: number,
): V1NamespaceStatus {
  const resources = describeResources(remaining);
  const finalizers = describeFinalizers(remaining);
  const wanted = [
    say("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    say(
      "NamespaceDeletionGroupVersionParsingFailure",
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ),
    failure === undefined
      ? say(
          "NamespaceDeletionContentFailure",
          "ContentDeleted",
          "All content successfully deleted, may be waiting on finalization",
        )
      : say(
          "NamespaceDeletionContentFailure",
          "ContentDeletionFailed",
          `Failed to delete all resource types, 1 remaining: ${failure.message}`,
          "True",
        ),
    resources === ""
      ? say("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed")
      : say(
          "NamespaceContentRemaining",
          "SomeResourcesRemain",
          `Some resources are remaining: ${resources}`,
          "True",
        ),
    finalizers === ""
      ? say(
          "NamespaceFinalizersRemaining",
          "ContentHasNoFinalizers",
          "All content-preserving finalizers finished",
        )
      : say(
          "NamespaceFinalizersRemaining",
          "SomeFinalizersRemain",
          `Some content in the namespace has finalizers remaining: ${finalizers}`,
          "True",
        ),
  ];
  const known = status?.conditions ?? [];
  const others = known.filter((one) => wanted.every((other) => other.type !== one.type));
  const conditions = wanted.map((one) => keepTransition(one, known, nowMs));
  return { ...status, phase: "Terminating", conditions: [...others, ...conditions] };
}

function say(type: string, reason: string, message: string, status = "False"): V1NamespaceCondition {
  return { type, status, reason, message };
}

function keepTransition(
  condition: V1NamespaceCondition,
  known: readonly V1NamespaceCondition[],
  nowMs: number,
): V1NamespaceCondition {
  const before = known.find((one) => one.type === condition.type);
  const lastTransitionTime =
    before?.status === condition.status ? before.lastTransitionTime : formatTime(nowMs);
  return { ...condition, lastTransitionTime };
}

/** `configmaps. has 1 resource instances, jobs.batch has 2 resource instances` */
function describeResources(remaining: readonly Content[]): string {
  return remaining
    .map(({ kind, objects }) => `${kind.plural}.${kind.group} has ${objects.length} resource instances`)
    .sort()
    .join(", ");
}

/** `example.com/hold in 1 resource instances` */
function describeFinalizers(remaining: readonly Content[]): string {
  const counts = new Map<string, number>();
  for (const { objects } of remaining) {
    for (const finalizer of objects.flatMap((object) => object.metadata?.finalizers ?? [])) {
      counts.set(finalizer, (counts.get(finalizer) ?? 0) + 1);
    }
  }
  return [...counts]
    .map(([finalizer, count]) => `${finalizer} in ${count} resource instances`)
    .sort()
    .join(", ");
}
