import type { Outcome, PacketNumbers } from "../wasm/service-table-facts.ts";
import { type Address, addressText, parseAddress } from "./address.ts";
import { isProtocol, PROTOCOL_NUMBERS, type Protocol } from "./service-port.ts";

/** The first packet of a connection as it reaches the node. */
export interface Packet {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** The interface class it comes in by; `node`: a process of the node sends it. */
  readonly from: "pod" | "node" | "external";
  /**
   * With it the packet belongs to a connection, which is remembered: later packets go where the first went. Without it
   * every packet is the first of its own.
   */
  readonly sourcePort?: number;
}

export type Verdict =
  | {
      readonly action: "dnat";
      readonly address: string;
      readonly port: number;
      /** It leaves with an address of the node as its source. */
      readonly masquerade: boolean;
    }
  /** `pass`: the rules leave it alone. `drop`: silence. `reject`: an ICMP message, "connection refused". */
  | { readonly action: "pass" | "reject" | "drop" };

/** @throws RangeError for what no packet has, with the field: packets are made by the program that asks */
export function packetNumbers(packet: Packet, i: number): PacketNumbers {
  const where = `packets[${i}]`;
  const source = address(`${where}.source`, packet.source);
  const destination = address(`${where}.destination`, packet.destination);
  if (source.family !== destination.family)
    throw new RangeError(`${where}: ${source.text} and ${destination.text} are of different families`);
  const { port, protocol, sourcePort = 0, from } = packet;
  if (!isProtocol(protocol)) throw new RangeError(`${where}.protocol: ${protocol} is not TCP, UDP or SCTP`);
  if (!isPort(port) || (sourcePort !== 0 && !isPort(sourcePort)))
    throw new RangeError(`${where}: ports are whole numbers from 1 to 65535, not ${port} and ${sourcePort}`);
  if (from !== "pod" && from !== "node" && from !== "external")
    throw new RangeError(`${where}.from: ${from} is not pod, node or external`);
  return {
    source: source.words,
    destination: destination.words,
    port,
    protocol: PROTOCOL_NUMBERS[protocol],
    from,
    sourcePort,
  };
}

export function verdictOf({ action, address, port, masquerade }: Outcome): Verdict {
  return action === "dnat" ? { action, address: addressText(address), port, masquerade } : { action };
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

function address(field: string, text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new RangeError(`${field}: ${JSON.stringify(text)} is not an IP address`);
  return parsed;
}
