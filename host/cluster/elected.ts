import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { type ElectionTimes, startLeaderElector } from "../client/leader-elector.ts";
import { readPrivateFile, writePrivateFile } from "../security/private-file.ts";

/** A part of the control plane of which only one may work at a time. */
export interface Component {
  readonly name: string;
  /** The name of its Lease. */
  readonly lease: string;
  readonly client: Client;
  start(client: Client): Promise<{ stop(): Promise<void> }>;
}

export interface ElectionOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Who this process is. */
  readonly identity: string;
  readonly namespace?: string;
  readonly times?: Partial<ElectionTimes>;
  /** Told when the component cannot start although it leads, after the first time; then it is over here. */
  readonly onFailure?: (error: unknown) => void;
}

export interface Elected {
  /** Resolves as soon as the component works here, or another process is known to hold the Lease. */
  readonly settled: Promise<void>;
  stop(): Promise<void>;
}

/** Runs a component whenever this process holds its Lease. */
export function startElected(component: Component, options: ElectionOptions): Elected {
  const { clock, identity, times, namespace = "kube-system" } = options;
  const log = options.log.child(component.name);
  let stop = async () => {};
  const settled = new Promise<void>((resolve, reject) => {
    const elector = startLeaderElector({
      client: component.client,
      clock,
      random: options.random.fork(`election ${component.lease}`),
      log,
      lease: { namespace, name: component.lease },
      identity,
      times,
      lead: async (fenced) => {
        const work = await component.start(fenced);
        resolve();
        return work;
      },
      onWaiting: () => resolve(),
      onFailure: (error) => {
        log.error("does not start", { error: String(error) });
        reject(error);
        options.onFailure?.(error);
      },
    });
    stop = () => elector.stop();
  });
  return { settled, stop: () => stop() };
}

/**
 * Who this process is among those that want to lead. With a data directory it is who the last process there was, which
 * is gone (the directory has one process at a time), so that what it held need not run out first.
 */
export function identityOf(dataDir: string | undefined): string {
  return `${hostname()}_${dataDir === undefined ? randomUUID() : kept(join(dataDir, "identity"))}`;
}

function kept(path: string): string {
  const known = readPrivateFile(path)?.trim();
  if (known) return known;
  const made = randomUUID();
  writePrivateFile(path, `${made}\n`);
  return made;
}
