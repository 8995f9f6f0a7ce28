import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writePrivateFile } from "../security/private-file.ts";
import { Failure } from "./failure.ts";
import { isAlive, type ProcessIdentity } from "./process-identity.ts";

/** What `up` leaves in the data directory for the other commands: DIR/cluster.json. */
export interface ClusterState {
  /** Absent after a clean stop. */
  readonly process?: ProcessIdentity;
  readonly url: string;
  readonly kubeconfig: string;
  readonly seed: number;
  readonly store: string;
  readonly startedAt: string;
}

export function writeState(dataDir: string, state: ClusterState): void {
  writePrivateFile(statePath(dataDir), `${JSON.stringify(state, null, 2)}\n`);
}

/** After a clean stop nothing runs here, whatever process gets the number next. */
export function markStopped(dataDir: string): void {
  const state = readState(dataDir);
  if (state !== undefined) writeState(dataDir, { ...state, process: undefined });
}

/** The last state that was written; its process may be long gone. */
export function readState(dataDir: string): ClusterState | undefined {
  const path = statePath(dataDir);
  if (!existsSync(path)) return undefined;
  try {
    const state = JSON.parse(readFileSync(path, "utf8")) as ClusterState;
    if (typeof state.url === "string" && typeof state.kubeconfig === "string") return state;
  } catch {
    // Falls through: what cannot be read is said below, the same way.
  }
  throw new Failure(`${path} is corrupt; delete it once no pintle runs on ${dataDir}`);
}

export type RunningState = ClusterState & { readonly process: ProcessIdentity };

/** The running cluster of a data directory, if one runs. */
export function findRunning(dataDir: string): RunningState | undefined {
  const state = readState(dataDir);
  return state !== undefined && isRunning(state) ? state : undefined;
}

function isRunning(state: ClusterState): state is RunningState {
  return state.process !== undefined && isAlive(state.process);
}

/** The running cluster, or the one line that says there is none. */
export function getRunning(dataDir: string): RunningState {
  const state = findRunning(dataDir);
  if (state === undefined)
    throw new Failure(
      `no cluster is running in ${dataDir}; start one with: pintle up${dataDirHint(dataDir)}`,
    );
  return state;
}

/** ` --data-dir DIR`, or nothing for the default. */
export function dataDirHint(dataDir: string): string {
  return dataDir === ".pintle" ? "" : ` --data-dir ${dataDir}`;
}

function statePath(dataDir: string): string {
  return join(dataDir, "cluster.json");
}
