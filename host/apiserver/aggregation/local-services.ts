import { APIService } from "../../api/extension-kinds.ts";
import type { V1APIService } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { KINDS } from "../../api/registry.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { type Random, randomUuid } from "../../apimachinery/random.ts";
import type { Api } from "../api.ts";
import { LOCAL } from "./availability.ts";

export const AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged";
const KIND = APIService as unknown as Kind;

/** Group -> priority, and that of its versions where it is not 15. Source: api-policy 7.5. */
const PRIORITIES: Readonly<
  Record<string, readonly [group: number, versions?: Readonly<Record<string, number>>]>
> = {
  "": [18_000, { v1: 1 }],
  apps: [17_800],
  "events.k8s.io": [17_750],
  "authentication.k8s.io": [17_700],
  "authorization.k8s.io": [17_600],
  autoscaling: [17_500, { v2: 30 }],
  batch: [17_400],
  "certificates.k8s.io": [17_300],
  "networking.k8s.io": [17_200],
  policy: [17_100],
  "rbac.authorization.k8s.io": [17_000],
  "storage.k8s.io": [16_800],
  "apiextensions.k8s.io": [16_700],
  "admissionregistration.k8s.io": [16_700],
  "scheduling.k8s.io": [16_600, { v1alpha2: 9 }],
  "coordination.k8s.io": [16_500],
  "node.k8s.io": [16_300],
  "discovery.k8s.io": [16_200],
  "resource.k8s.io": [16_200, { v1: 21 }],
  "flowcontrol.apiserver.k8s.io": [16_100, { v1: 21 }],
};
const BUILT_IN_VERSION_PRIORITY = 15;
/** Those of CustomResourceDefinitions. */
export const CUSTOM_PRIORITY = { group: 1_000, version: 100 };

const OWN_GROUP = "apiregistration.k8s.io";
const BUILT_IN_GROUPS = new Set(KINDS.map(({ group }) => group));

export function isBuiltIn(group: string): boolean {
  return BUILT_IN_GROUPS.has(group);
}

/** The APIServices of what this server serves itself, by name. The aggregator's own group has none. */
export function localServices(kinds: readonly Kind[]): ReadonlyMap<string, V1APIService["spec"]> {
  return new Map(
    kinds
      .filter(({ group }) => group !== OWN_GROUP)
      .map(({ group, version }) => {
        const [groupPriority, versions = {}] = PRIORITIES[group] ?? [CUSTOM_PRIORITY.group];
        const usual = isBuiltIn(group) ? BUILT_IN_VERSION_PRIORITY : CUSTOM_PRIORITY.version;
        const spec = {
          ...(group === "" ? {} : { group }),
          version,
          groupPriorityMinimum: groupPriority,
          versionPriority: versions[version] ?? usual,
        };
        return [`${version}.${group}`, spec];
      }),
  );
}

/** Stores it as the verb `create` would, with its status: it is well-formed, and two dozen of them cost the start. */
export async function plantLocal(
  api: Pick<Api, "clock" | "objects">,
  random: Random,
  name: string,
  spec: V1APIService["spec"],
): Promise<void> {
  const now = formatTime(api.clock.nowMs());
  await api.objects.create(
    KIND,
    { name },
    {
      kind: "APIService",
      apiVersion: "apiregistration.k8s.io/v1",
      metadata: {
        name,
        uid: randomUuid(random),
        creationTimestamp: now,
        labels: { [AUTOMANAGED]: isBuiltIn(spec?.group ?? "") ? "onstart" : "true" },
      },
      spec,
      status: { conditions: [{ type: "Available", ...LOCAL, lastTransitionTime: now }] },
    },
  );
}
