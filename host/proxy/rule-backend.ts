import type { Change, ServiceModels } from "./service-models.ts";

/** What makes rules take effect: a table that carries traffic itself, or a kernel. */
export interface RuleBackend {
  /** What the models are told in the place of a change; told of every change, whether rules read it or not. */
  adopt?(change: Change): Change;
  /** Whether there is work for `sync` that the models do not know of. */
  readonly hasChanges?: boolean;
  /**
   * Makes rules what the models say. Rejects when that failed; the next call is then a full one.
   *
   * @param full  everything is written anew, whatever was there
   */
  sync(models: ServiceModels, full: boolean): Promise<void>;
  stop(): Promise<void>;
}
