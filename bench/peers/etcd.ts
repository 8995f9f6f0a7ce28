import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Debian's etcd on free loopback ports with its own settings, fsync and all, in a directory that goes with it. */
export interface RunningEtcd {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** @returns undefined where there is no etcd */
export async function startEtcd(): Promise<RunningEtcd | undefined> {
  const dir = mkdtempSync(join(tmpdir(), "pintle-bench-etcd-"));
  const [endpoint, peer] = [await freeUrl(), await freeUrl()];
  const clients = ["--listen-client-urls", endpoint, "--advertise-client-urls", endpoint];
  const peers = ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer];
  const child = spawn(
    "etcd",
    ["--data-dir", dir, "--log-level", "error", ...clients, ...peers, "--initial-cluster", `default=${peer}`],
    { stdio: "ignore" },
  );
  let isGone = false;
  const gone = new Promise<void>((resolve) => {
    const end = () => {
      isGone = true;
      resolve();
    };
    child.once("exit", end).once("error", end);
  });
  const stop = async () => {
    await end(child, gone);
    rmSync(dir, { recursive: true, force: true });
  };
  for (let waitedMs = 0; waitedMs < 10_000 && !isGone; waitedMs += 20) {
    if (await isHealthy(endpoint)) return { endpoint, stop };
    await delay(20);
  }
  await stop();
  return undefined;
}

async function end(child: ChildProcess, gone: Promise<void>): Promise<void> {
  child.kill("SIGKILL");
  await gone;
}

async function isHealthy(endpoint: string): Promise<boolean> {
  try {
    return (await (await fetch(`${endpoint}/health`)).text()).includes('"true"');
  } catch {
    // Not listening yet.
    return false;
  }
}

async function freeUrl(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}`;
}
