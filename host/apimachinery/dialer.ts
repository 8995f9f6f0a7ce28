import type { Duplex } from "node:stream";

/**
 * A way to an address that this machine need not have: simulated pods have addresses, too, and no network. `main.ts` hands
 * one to whoever carries bytes to pods, so that those rooms need not know what runs the pods.
 */
export interface Dialer {
  /**
   * A connection that is made. Closing one of its directions leaves the other open.
   *
   * Rejects with an Error whose `code` is ECONNREFUSED, ETIMEDOUT, …, as Node's own.
   */
  connect(address: string, port: number): Promise<Duplex>;
  /**
   * A way for datagrams; nobody learns whether they arrive.
   *
   * @param onReply  told of each datagram that comes back
   */
  openDatagrams(address: string, port: number, onReply: (data: Buffer) => void): DatagramChannel;
}

export interface DatagramChannel {
  send(data: Buffer): void;
  close(): void;
}

/** What a Dialer rejects with. */
export class DialError extends Error {
  override readonly name = "DialError";
  readonly code: string;

  constructor(code: "ECONNREFUSED" | "ETIMEDOUT", address: string, port: number) {
    super(`connect ${code} ${address}:${port}`);
    this.code = code;
  }
}
