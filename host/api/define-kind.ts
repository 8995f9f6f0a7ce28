import type { KubernetesObject } from "../apimachinery/object.ts";
import { ALL_VERBS, type Kind, type KindRules, type StoredAs, type Subresource, type Verb } from "./kind.ts";
import { strategyOf } from "./strategy.ts";

/** What is said of a kind in `registry.ts`; everything absent has the usual value. */
export interface KindDeclaration<T> extends KindRules<T> {
  readonly kind: string;
  readonly plural: string;
  /** Absent: the kind in lower case. */
  readonly singular?: string;
  /** Absent: namespaced. */
  readonly cluster?: true;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Absent: all eight. */
  readonly verbs?: readonly Verb[];
  /** By name where the name says everything (`status`, `scale`, …). */
  readonly subresources?: readonly (SubresourceName | Subresource)[];
  readonly createOnUpdate?: true;
  readonly requiresResourceVersion?: true;
  readonly deletionFinalizer?: string;
  readonly stored?: StoredAs;
  /** metadata.generation counts the changes of what the user wants. Source: api-policy 6.6. */
  readonly generation?: true;
}

/** Gives the function that declares kinds of one group and version: `const apps = kindsOf("apps", "v1")`. */
export function kindsOf(group: string, version: string) {
  return <T extends KubernetesObject>(declaration: KindDeclaration<T>): Kind<T> =>
    defineKind(group, version, declaration);
}

export function defineKind<T extends KubernetesObject>(
  group: string,
  version: string,
  declaration: KindDeclaration<T>,
): Kind<T> {
  const { kind, cluster, subresources = [], generation, ...rest } = declaration;
  const strategy = strategyOf<T>(
    { hasStatus: subresources.includes("status"), hasGeneration: generation === true },
    declaration,
  );
  return {
    shortNames: [],
    categories: [],
    verbs: ALL_VERBS,
    createOnUpdate: false,
    requiresResourceVersion: false,
    ...rest,
    ...strategy,
    group,
    version,
    kind,
    singular: declaration.singular ?? kind.toLowerCase(),
    namespaced: cluster !== true,
    subresources: subresources.map((one) =>
      typeof one === "string" ? { name: one, kind, ...KNOWN_SUBRESOURCES[one] } : one,
    ),
    type: `${schemaPackage(group)}.${version}.${kind}`,
  };
}

/** The generated schema names packages as Go does: `core`, `apps`, `rbac` of `rbac.authorization.k8s.io`. */
function schemaPackage(group: string): string {
  return group === "" ? "core" : group.split(".")[0]!;
}

const CHANGE = ["get", "patch", "update"] as const;
const CONNECT = ["create", "get"] as const;
const PROXY = ["create", "delete", "get", "patch", "update"] as const;

/** What discovery says of a subresource, by its name; `kind` absent: the parent's. Source: api-wire 4. */
const KNOWN_SUBRESOURCES = {
  approval: { verbs: CHANGE },
  attach: { kind: "PodAttachOptions", verbs: CONNECT },
  binding: { kind: "Binding", verbs: ["create"] },
  ephemeralcontainers: { verbs: CHANGE },
  eviction: { kind: "Eviction", group: "policy", version: "v1", verbs: ["create"] },
  exec: { kind: "PodExecOptions", verbs: CONNECT },
  finalize: { verbs: ["update"] },
  log: { verbs: ["get"] },
  portforward: { kind: "PodPortForwardOptions", verbs: CONNECT },
  resize: { verbs: CHANGE },
  scale: { kind: "Scale", group: "autoscaling", version: "v1", verbs: CHANGE },
  status: { verbs: CHANGE },
  token: { kind: "TokenRequest", group: "authentication.k8s.io", version: "v1", verbs: ["create"] },
} as const satisfies Record<string, Omit<Subresource, "name" | "kind"> & { kind?: string }>;

type SubresourceName = keyof typeof KNOWN_SUBRESOURCES;

/** `pods/proxy`, `nodes/proxy`, `services/proxy`. */
export function proxySubresource(kind: "Pod" | "Node" | "Service"): Subresource {
  return { name: "proxy", kind: `${kind}ProxyOptions`, verbs: PROXY };
}
