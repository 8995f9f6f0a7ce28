import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireComponent } from "../scenarios/requirements.ts";

/** Debian's etcd-server and etcd-client. */
export function hasEtcd(): boolean {
  try {
    execFileSync("etcd", ["--version"]);
    execFileSync("etcdctl", ["version"], { env: { ...process.env, ETCDCTL_API: "3" } });
    return true;
  } catch {
    return requireComponent("etcd (Debian: etcd-server, etcd-client)", false);
  }
}

/** Whoever else listens there by mistake may never answer. */
const HEALTH_MS = 2_000;

/** A real etcd with one member on free loopback ports, in a directory of its own. */
export class EtcdProcess {
  readonly endpoint: string;
  readonly #name: string;
  readonly #peer: string;
  #cluster = "";
  /** One member elects itself in this time; several need more, or a busy machine keeps them electing. */
  #electionMs = 50;
  readonly #dir = mkdtempSync(join(tmpdir(), "pintle-etcd-"));
  readonly #gates: (() => Promise<void>)[] = [];
  #process: ChildProcess | undefined;

  private constructor(name: string, port: number, peerPort: number) {
    this.#name = name;
    this.endpoint = `http://127.0.0.1:${port}`;
    this.#peer = `http://127.0.0.1:${peerPort}`;
  }

  static async start(): Promise<EtcdProcess> {
    const [etcd] = await EtcdProcess.startCluster(1);
    return etcd!;
  }

  /** Members of one etcd. A port that was free may be another test's by the time it is listened on: then others are tried. */
  static async startCluster(count: number, tries = 3): Promise<readonly EtcdProcess[]> {
    const members: EtcdProcess[] = [];
    for (let i = 0; i < count; i++)
      members.push(new EtcdProcess(`m${i}`, await freePort(), await freePort()));
    const cluster = members.map((member) => `${member.#name}=${member.#peer}`).join(",");
    for (const member of members) {
      member.#cluster = cluster;
      if (count > 1) member.#electionMs = 500;
    }
    const started = await Promise.allSettled(members.map((member) => member.restart()));
    const failed = started.find((one) => one.status === "rejected");
    if (failed === undefined) return members;
    await Promise.all(members.map((member) => member.remove()));
    if (tries === 1) throw failed.reason;
    return await EtcdProcess.startCluster(count, tries - 1);
  }

  /** Starts it, again with what it had when it was killed; returns when it answers. */
  async restart(): Promise<void> {
    this.#process = spawn(
      "etcd",
      [
        ...["--data-dir", this.#dir, "--name", this.#name, "--log-level", "error"],
        ...["--listen-client-urls", this.endpoint, "--advertise-client-urls", this.endpoint],
        ...["--listen-peer-urls", this.#peer, "--initial-advertise-peer-urls", this.#peer],
        ...[
          "--initial-cluster",
          this.#cluster,
          "--heartbeat-interval",
          String(this.#electionMs / 10),
          "--election-timeout",
          String(this.#electionMs),
        ],
      ],
      { stdio: "ignore" },
    );
    for (let attempt = 0; attempt < 500; attempt++) {
      if (await this.#isHealthy()) return;
      if (this.#process.exitCode !== null) throw new Error(`etcd ended with ${this.#process.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error("etcd did not start");
  }

  ctl(...args: string[]): string {
    const env = { ...process.env, ETCDCTL_API: "3" };
    return execFileSync("etcdctl", ["--endpoints", this.endpoint, ...args], { env, encoding: "utf8" });
  }

  /** Another address of it, which can be cut off. */
  async gate(): Promise<{ endpoint: string; open(): Promise<void>; close(): Promise<void> }> {
    const port = await freePort();
    const target = Number(new URL(this.endpoint).port);
    const sockets = new Set<Socket>();
    let server: Server | undefined;
    const open = () =>
      new Promise<void>((resolve) => {
        server = createServer((near) => {
          const far = connect(target, "127.0.0.1");
          for (const socket of [near, far]) {
            sockets.add(socket);
            // Either side that breaks takes the other along.
            socket.on("error", () => {}).on("close", () => [near, far].forEach((end) => void end.destroy()));
          }
          near.pipe(far).pipe(near);
        }).listen(port, "127.0.0.1", resolve);
      });
    const close = async () => {
      const closed = new Promise((resolve) => server?.close(resolve));
      for (const socket of sockets) socket.destroy();
      sockets.clear();
      await closed;
    };
    await open();
    this.#gates.push(close);
    return { endpoint: `http://127.0.0.1:${port}`, open, close };
  }

  /** Makes it stand still, or go on. */
  pause(): void {
    this.#process?.kill("SIGSTOP");
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  /** What it had is gone: it comes back as one that is new. */
  async loseData(): Promise<void> {
    await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
    await this.restart();
  }

  async remove(): Promise<void> {
    for (const close of this.#gates) await close();
    await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #isHealthy(): Promise<boolean> {
    try {
      const response = await fetch(`${this.endpoint}/health`, { signal: AbortSignal.timeout(HEALTH_MS) });
      return (await response.text()).includes('"true"');
    } catch {
      return false;
    }
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
