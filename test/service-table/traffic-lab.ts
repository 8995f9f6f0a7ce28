import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import type { Answered, Dial, Serve } from "./traffic-agent.ts";

/**
 * Three nodes, their pods and somebody outside, each a network namespace that lives as long as its process:
 *
 *               bridge of the hub
 *       ┌────────────┬────────────┬────────────┐
 *    node a .2    node b .3    node c .4    outside 203.0.113.2, .130       (nodes: 192.168.0.x)
 *    │ a veth each │            │
 *    10.0.0.2     10.180.1.1   10.180.2.1
 *    10.180.0.1   10.180.1.2
 *    10.180.0.2   10.180.1.3
 *    10.180.0.3
 *
 * What nobody has, as addresses of load balancers, goes from a node to the hub, and is lost there.
 */
export type NodeName = "a" | "b" | "c";
export const NODE_ADDRESSES: Readonly<Record<NodeName, readonly string[]>> = {
  a: ["192.168.0.2", "192.168.1.2", "192.168.99.11"],
  b: ["192.168.0.3"],
  c: ["192.168.0.4"],
};
const NODE_NAMES: readonly NodeName[] = ["a", "b", "c"];
const OUTSIDE = ["203.0.113.2", "203.0.113.130"];
const PODS: Readonly<Record<NodeName, readonly string[]>> = {
  a: ["10.0.0.2", "10.180.0.1", "10.180.0.2", "10.180.0.3"],
  b: ["10.180.1.1", "10.180.1.2", "10.180.1.3"],
  c: ["10.180.2.1"],
};
const SERVED = ["80", "53/udp", "5353", "8443"];

/** A process in a namespace of its own. */
class Agent {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: string) => void>();
  #asked = 0;

  constructor() {
    const program = packageFile("dist/test/service-table/traffic-agent.js");
    this.#child = spawn("unshare", ["-n", process.execPath, program], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.pid = this.#child.pid!;
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      const { id, answer } = JSON.parse(line) as Answered;
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    });
  }

  /** Runs a shell script in the namespace; throws with what it complained of. */
  sh(
    script: string,
    { input = "", env = {} }: { input?: string; env?: Record<string, string> } = {},
  ): string {
    return execFileSync("nsenter", ["-t", String(this.pid), "-n", "sh", "-ec", script], {
      encoding: "utf8",
      input,
      env: { ...process.env, ...env },
      maxBuffer: 1 << 26,
      stdio: ["pipe", "pipe", "pipe"],
    });
  }

  ask(question: Omit<Serve, "id"> | Omit<Dial, "id">): Promise<string> {
    const id = this.#asked++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.stdin!.write(`${JSON.stringify({ ...question, id })}\n`);
    });
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}

export class TrafficLab {
  readonly #folder = mkdtempSync(join(tmpdir(), "pintle-traffic-"));
  readonly #hub = new Agent();
  readonly #outside = new Agent();
  readonly #nodes: Readonly<Record<NodeName, Agent>> = { a: new Agent(), b: new Agent(), c: new Agent() };
  readonly #pods = new Map(
    NODE_NAMES.flatMap((node) => PODS[node]).map((address) => [address, new Agent()] as const),
  );

  /** Lays the wires; everything is there when it resolves. */
  async start(): Promise<void> {
    // Each namespace is there once its process answers.
    await Promise.all(this.#agents().map((agent) => agent.ask({ serve: "127.0.0.1", ports: [] })));
    this.#hub.sh("ip link set lo up; ip link add br0 type bridge; ip link set br0 up");
    for (const name of NODE_NAMES) this.#wireNode(name);
    this.#plug(this.#outside, "outside");
    this.#outside.sh(
      [
        ...OUTSIDE.map((address) => `ip addr add ${address}/32 dev eth0`),
        ...NODE_NAMES.map((name) => `ip route add ${NODE_ADDRESSES[name][0]} dev eth0`),
        // Whoever is outside sends what is the cluster's to node a.
        `ip route add default via ${NODE_ADDRESSES.a[0]} dev eth0 src ${OUTSIDE[0]}`,
      ].join("\n"),
    );
    await Promise.all([...this.#pods].map(([serve, agent]) => agent.ask({ serve, ports: SERVED })));
  }

  /** Runs a script on a node, with files as its input. */
  onNode(name: NodeName, script: string, input: string): void {
    const env = { XTABLES_LOCKFILE: join(this.#folder, `xtables-${name}.lock`) };
    this.#nodes[name].sh(script, { input, env });
  }

  /** Dials from whom the source belongs to: a pod, somebody outside, or else a node. */
  dial(dial: Omit<Dial, "id">, from: NodeName = "a"): Promise<string> {
    const agent = OUTSIDE.includes(dial.source)
      ? this.#outside
      : (this.#pods.get(dial.source) ?? this.#nodes[from]);
    return agent.ask(dial);
  }

  stop(): void {
    for (const agent of this.#agents()) agent.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #agents(): Agent[] {
    return [this.#hub, this.#outside, ...Object.values(this.#nodes), ...this.#pods.values()];
  }

  /** Gives a namespace an `eth0` at the hub's bridge. */
  #plug(agent: Agent, port: string): void {
    this.#hub.sh(
      `ip link add ${port} type veth peer name eth0 netns ${agent.pid}; ip link set ${port} master br0 up`,
    );
    agent.sh("ip link set lo up; ip link set eth0 up");
  }

  #wireNode(name: NodeName): void {
    const node = this.#nodes[name];
    const [address, ...more] = NODE_ADDRESSES[name];
    this.#plug(node, `node-${name}`);
    const others = NODE_NAMES.filter((other) => other !== name);
    node.sh(
      [
        `ip addr add ${address}/24 dev eth0`,
        ...more.map((one) => `ip addr add ${one}/32 dev eth0`),
        "ip route add 203.0.113.0/24 dev eth0",
        ...others.flatMap((other) =>
          PODS[other].map((pod) => `ip route add ${pod} via ${NODE_ADDRESSES[other][0]}`),
        ),
        "ip route add default via 192.168.0.1",
        "cd /proc/sys/net/ipv4",
        "echo 1 > ip_forward",
        "echo 1 > conf/all/route_localnet",
        "for one in conf/*/rp_filter; do echo 0 > $one; done",
        // A node answers each refused packet, however many there are.
        "echo 0 > icmp_ratelimit",
      ].join("\n"),
    );
    PODS[name].forEach((pod, i) => {
      const agent = this.#pods.get(pod)!;
      node.sh(
        [
          `ip link add pod${i} type veth peer name eth0 netns ${agent.pid}`,
          `ip addr add ${address}/32 dev pod${i}`,
          `ip link set pod${i} up`,
          `ip route add ${pod} dev pod${i}`,
          `echo 0 > /proc/sys/net/ipv4/conf/pod${i}/rp_filter`,
        ].join("\n"),
      );
      agent.sh(
        [
          "ip link set lo up; ip link set eth0 up",
          `ip addr add ${pod}/32 dev eth0`,
          `ip route add default via ${address} dev eth0 onlink`,
        ].join("\n"),
      );
    });
  }
}
