import { type Duplex, duplexPair } from "node:stream";
import type { V1Pod } from "../api/generated/types.ts";
import type { Clock } from "../apimachinery/clock.ts";
import { type DatagramChannel, DialError, type Dialer } from "../apimachinery/dialer.ts";
import { parseIPv4, parsePodRange } from "./pod-addresses.ts";
import { createPodPages, greeting, type PodPages } from "./pod-pages.ts";

/**
 * The network of simulated pods: who has which address, and what answers there. A pod that runs answers on every port,
 * whatever its containers declare (a declared port is a note, in Kubernetes too): HTTP by a small page, datagrams by a
 * line. One that is being deleted goes on until its containers have stopped, and asks to be left (`Connection: close`).
 */
export class PodNetwork {
  /** Pods that run, by address; those of a node's own network share one. */
  readonly #pods = new Map<string, readonly V1Pod[]>();
  readonly #addresses = new Map<string, string>();
  /** Pods' ends of connections that are open, by uid. */
  readonly #connections = new Map<string, Set<Duplex>>();
  readonly #ranges = new Map<string, { readonly base: number; readonly size: number }>();
  #pages: PodPages | undefined;

  constructor(private readonly clock: Clock) {}

  /** Addresses that only simulated pods have: where none answers, the connection is refused, not made elsewhere. */
  addRange(cidr: string): void {
    if (!this.#ranges.has(cidr)) this.#ranges.set(cidr, parsePodRange(cidr));
  }

  /** Notes what a pod has become. */
  put(pod: V1Pod): void {
    const uid = pod.metadata?.uid ?? "";
    const address = pod.status?.phase === "Running" ? pod.status.podIP : undefined;
    if (this.#addresses.get(uid) !== address) this.#leave(uid);
    if (address === undefined) return;
    this.#addresses.set(uid, address);
    this.#pods.set(address, [...this.#othersAt(address, uid), pod]);
  }

  remove(pod: V1Pod): void {
    this.#leave(pod.metadata?.uid ?? "");
  }

  /** @param elsewhere  takes the addresses that are not of simulated pods */
  dialer(elsewhere: Dialer): Dialer {
    return {
      connect: async (address, port) => {
        const pod = this.#pods.get(address)?.[0];
        if (pod !== undefined) return this.#connect(pod, port);
        if (this.#owns(address)) throw new DialError("ECONNREFUSED", address, port);
        return await elsewhere.connect(address, port);
      },
      openDatagrams: (address, port, onReply) =>
        this.#pods.has(address) || this.#owns(address)
          ? this.#datagrams(address, onReply)
          : elsewhere.openDatagrams(address, port, onReply),
    };
  }

  /** Ends every connection. */
  stop(): void {
    for (const uid of this.#addresses.keys()) this.#leave(uid);
    this.#pages?.close();
  }

  #connect(pod: V1Pod, port: number): Duplex {
    const uid = pod.metadata?.uid ?? "";
    const [ours, theirs] = duplexPair();
    const open = this.#connections.get(uid) ?? new Set();
    this.#connections.set(uid, open.add(theirs));
    // Neither end of a pair learns by itself that the other was destroyed.
    ours.once("close", () => theirs.destroy());
    theirs.once("close", () => {
      ours.destroy();
      open.delete(theirs);
      if (open.size === 0) this.#connections.delete(uid);
    });
    this.#pages ??= createPodPages(this.clock);
    // The state of the pod is looked up for each answer: it may be deleted while the connection is open.
    this.#pages.serve(theirs, port, () => this.#find(uid) ?? pod);
    return ours;
  }

  #datagrams(address: string, onReply: (data: Buffer) => void): DatagramChannel {
    return {
      send: () => {
        const pod = this.#pods.get(address)?.[0];
        if (pod !== undefined) onReply(Buffer.from(greeting(pod)));
      },
      close: () => {},
    };
  }

  #find(uid: string): V1Pod | undefined {
    const address = this.#addresses.get(uid);
    if (address === undefined) return undefined;
    return this.#pods.get(address)?.find((pod) => pod.metadata?.uid === uid);
  }

  #othersAt(address: string, uid: string): readonly V1Pod[] {
    return (this.#pods.get(address) ?? []).filter((pod) => pod.metadata?.uid !== uid);
  }

  /** The pod's containers have stopped: what is being answered is answered, then its connections end. */
  #leave(uid: string): void {
    const address = this.#addresses.get(uid);
    if (address === undefined) return;
    const others = this.#othersAt(address, uid);
    if (others.length > 0) this.#pods.set(address, others);
    else this.#pods.delete(address);
    this.#addresses.delete(uid);
    for (const connection of this.#connections.get(uid) ?? []) connection.end();
  }

  #owns(address: string): boolean {
    const number = parseIPv4(address);
    if (number === undefined) return false;
    for (const { base, size } of this.#ranges.values())
      if (number >= base && number < base + size) return true;
    return false;
  }
}
