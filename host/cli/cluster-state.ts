import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writePrivateFile } from "../security/private-file.ts";
import { findHolder, type Holder } from "../store/directory-lock.ts";
import { Failure } from "./failure.ts";

/** What `up` leaves in the data directory for the other commands: DIR/cluster.json. */
export interface ClusterState {
  readonly pid: number;
  readonly url: string;
  /** Where names are answered: `127.0.0.1:40053`. */
  readonly dns?: string;
  readonly kubeconfig: string;
  readonly seed: number;
  readonly store: string;
  readonly startedAt: string;
  /** Absent: DIR/pki. */
  readonly certDir?: string;
}

export function writeState(dataDir: string, state: ClusterState): void {
  writePrivateFile(statePath(dataDir), `${JSON.stringify(state, null, 2)}\n`);
}

/** The last state that was written, if it can be read; its process may be long gone. */
export function readState(dataDir: string): ClusterState | undefined {
  const path = statePath(dataDir);
  if (!existsSync(path)) return undefined;
  try {
    const state = JSON.parse(readFileSync(path, "utf8")) as Partial<ClusterState>;
    const { pid, url, kubeconfig } = state;
    const whole = typeof pid === "number" && typeof url === "string" && typeof kubeconfig === "string";
    return whole ? (state as ClusterState) : undefined;
  } catch {
    // Damaged: as good as none. Nothing depends on it but these commands, and the next up writes it anew.
    return undefined;
  }
}

/** A cluster that runs: its state, and the process that holds its data directory. */
export interface Running {
  readonly state: ClusterState;
  readonly holder: Holder;
}

/**
 * The running cluster of a data directory, if one runs. Whether it does is told by the lock, which dies with its
 * process; the state may be of an earlier one.
 */
export function findRunning(dataDir: string): Running | undefined {
  const holder = findHolder(dataDir);
  if (holder === undefined) return undefined;
  const state = readState(dataDir);
  if (state?.pid !== holder.pid)
    throw new Failure(
      `pid ${holder.pid} works in ${dataDir}, but ${statePath(dataDir)} does not tell where it is reached: it is just starting, or the file was damaged`,
    );
  return { state, holder };
}

/** The running cluster, or the one line that says there is none. */
export function getRunning(dataDir: string): Running {
  const running = findRunning(dataDir);
  if (running === undefined)
    throw new Failure(
      `no cluster is running in ${dataDir}; start one with: pintle up${dataDirHint(dataDir)}`,
    );
  return running;
}

/** One cluster, or API server, at a time in a data directory. */
export function refuseSecond(dataDir: string): void {
  const running = findRunning(dataDir);
  if (running !== undefined)
    throw new Failure(
      `${dataDir} is in use by the cluster at ${running.state.url} (pid ${running.holder.pid}); stop it with: pintle down${dataDirHint(dataDir)}`,
    );
}

/** ` --data-dir DIR`, or nothing for the default. */
export function dataDirHint(dataDir: string): string {
  return dataDir === ".pintle" ? "" : ` --data-dir ${dataDir}`;
}

function statePath(dataDir: string): string {
  return join(dataDir, "cluster.json");
}
