import type { V1Node, V1Pod } from "../api/generated/types.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";

/** `pintle/scheduler`: kube-scheduler's decisions without an API server (shared/contract.md). */
export interface Scheduler {
  addNode(node: V1Node): void;
  updateNode(node: V1Node): void;
  removeNode(name: string): void;
  /** A bound pod: spec.nodeName is set. Adding a pod that was assumed confirms it. */
  addPod(pod: V1Pod): void;
  /** A bound pod is gone, or an assumed one is forgotten. */
  removePod(namespace: string, name: string): void;
  /** Namespaces, PVs, PVCs, storage classes, Services, owners, PDBs, priority classes that decisions read. */
  addObject(object: KubernetesObject): void;
  /** In the given order; each placement is assumed before the next. */
  schedule(pods: readonly V1Pod[]): Promise<Decision[]>;
  explain(pod: V1Pod): Promise<Explanation>;
  close(): Promise<void>;
}

export type Decision =
  | { readonly pod: string; readonly node: string }
  | {
      readonly pod: string;
      readonly node: null;
      /** The FitError text, whole. */
      readonly message: string;
      /** node -> reasons */
      readonly nodes: Readonly<Record<string, string[]>>;
    };

export interface Explanation {
  readonly pod: string;
  readonly chosen: string | null;
  readonly nodes: readonly {
    readonly node: string;
    readonly rejectedBy?: string;
    readonly reasons?: readonly string[];
    readonly scores?: Readonly<Record<string, { raw: number; normalized: number; weighted: number }>>;
    readonly total?: number;
  }[];
}

export interface SchedulerOptions {
  readonly ties?: "lowest" | "random";
  readonly seed?: number;
  readonly capacity?: { readonly nodes: number; readonly pods: number };
  /** Where the core runs: in a Piscina worker (the default), or on the caller's thread (virtual time needs that). */
  readonly thread?: "worker" | "caller";
}
