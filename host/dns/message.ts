import {
  AUTHORITATIVE_ANSWER,
  type DecodedPacket,
  decode,
  encode,
  encodingLength,
  type OptAnswer,
  type Answer as PacketRecord,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from "dns-packet";
import { type Answer, empty, type NamedRecord, type Question, RCODE } from "./answer.ts";

/** A whole answer over TCP; its length has two bytes. */
export const MAX_MESSAGE_BYTES = 65_535;
/** Over UDP, without EDNS: RFC 1035. */
const PLAIN_UDP_BYTES = 512;
/** With it: what crosses every network without being cut in pieces, whatever the asker says (DNS flag day 2020). */
const MAX_UDP_BYTES = 1_232;

const HEADER_BYTES = 12;
/** An OPT record without options. */
const OPT_BYTES = 11;
const MAX_LABEL_BYTES = 63;
/** 255 bytes, of which the first length and the root at the end are not written. */
const MAX_NAME_CHARACTERS = 253;

export type Transport = "udp" | "tcp";

/**
 * Answers one message. The question goes back byte for byte, so its upper and lower case stay as they were: resolvers
 * mix them to be sure that an answer is theirs.
 *
 * @returns undefined for what deserves none: an answer, or less than a header
 */
export function respond(
  message: Buffer,
  transport: Transport,
  answer: (question: Question) => Answer,
): Buffer | undefined {
  if (message.length < HEADER_BYTES || (message[2]! & 0x80) !== 0) return undefined;
  const reply = (given: Answer, question?: Buffer, size = PLAIN_UDP_BYTES, edns = false) =>
    write(message, given, { question, size: transport === "tcp" ? MAX_MESSAGE_BYTES : size, edns });
  if ((message[2]! & 0x78) !== 0) return reply(empty(RCODE.notImplemented));
  const question = questionIn(message);
  const packet = question && read(message);
  if (question === undefined || packet === undefined) return reply(empty(RCODE.formatError));
  const opt = packet.additionals?.filter((one): one is OptAnswer => one.type === "OPT") ?? [];
  if (opt.length > 1) return reply(empty(RCODE.formatError), question);
  const size = Math.min(Math.max(opt[0]?.udpPayloadSize ?? 0, PLAIN_UDP_BYTES), MAX_UDP_BYTES);
  const edns = opt.length === 1;
  if (opt[0] !== undefined && opt[0].ednsVersion !== 0)
    return reply(empty(RCODE.badVersion), question, size, edns);
  const { name, type, class: of = "IN" } = packet.questions![0]!;
  return reply(answer({ name: isPlain(name) ? name : "", type, class: of }), question, size, edns);
}

/** A name that text can say: none of the cluster's has other characters. */
function isPlain(name: string): boolean {
  return /^[\x21-\x7e]+$/.test(name);
}

/** The bytes of the only question, whose name is spelled out; undefined where there is none such. */
function questionIn(message: Buffer): Buffer | undefined {
  // Queries have nothing but a question and, added, their size and a signature.
  if (message.readUInt16BE(4) !== 1 || message.readUInt32BE(6) !== 0 || message.readUInt16BE(10) > 2)
    return undefined;
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    // Above it is a pointer, and there is nothing that it could point to yet.
    if (length === undefined || length > MAX_LABEL_BYTES) return undefined;
    at += length + 1;
    if (length === 0) break;
  }
  return at + 4 <= message.length ? message.subarray(HEADER_BYTES, at + 4) : undefined;
}

function read(message: Buffer): DecodedPacket | undefined {
  try {
    return decode(message);
  } catch {
    // Whatever is wrong with it, it is the asker's.
    return undefined;
  }
}

interface Writing {
  readonly question: Buffer | undefined;
  /** The longest that may be sent. */
  readonly size: number;
  /** The asker speaks EDNS: so do we. */
  readonly edns: boolean;
}

/** What does not fit is left out: of the answers with a word about it, so that the asker comes back by TCP. */
function write(message: Buffer, given: Answer, { question, size, edns }: Writing): Buffer {
  const rcode = given.answers.some(isTooLong) ? RCODE.serverFailure : given.rcode;
  const sections = rcode === given.rcode ? given : empty(rcode);
  let room = size - HEADER_BYTES - (question?.length ?? 0) - (edns ? OPT_BYTES : 0);
  const fitting = (records: readonly NamedRecord[]) => {
    const some: PacketRecord[] = [];
    for (const record of records) {
      const packed = packetRecord(record);
      const bytes = encodingLength({ answers: [packed] }) - HEADER_BYTES;
      if (bytes > room) break;
      room -= bytes;
      some.push(packed);
    }
    return some;
  };
  const answers = fitting(sections.answers);
  const authorities = fitting(sections.authorities);
  const isCut = answers.length + authorities.length < sections.answers.length + sections.authorities.length;
  const additionals = isCut ? [] : fitting(sections.additionals);
  const isOurs = rcode === RCODE.noError || rcode === RCODE.noSuchName;
  const head = encode({
    type: "response",
    id: message.readUInt16BE(0),
    flags:
      (message.readUInt16BE(2) & RECURSION_DESIRED) |
      (message.readUInt16BE(2) & 0x7800) |
      (isOurs ? AUTHORITATIVE_ANSWER : 0) |
      (isCut ? TRUNCATED_RESPONSE : 0) |
      (rcode & 15),
    answers,
    authorities,
    additionals: edns ? [...additionals, optRecord(rcode)] : additionals,
  });
  // No name in it points to another place, so the question may be put in.
  if (question !== undefined) head.writeUInt16BE(1, 4);
  const asked = question ?? Buffer.alloc(0);
  return Buffer.concat([head.subarray(0, HEADER_BYTES), asked, head.subarray(HEADER_BYTES)]);
}

/** The API allows an externalName with a part that no name server could say; a file of objects, a whole such name. */
function isTooLong({ record }: NamedRecord): boolean {
  if (record.type !== "CNAME") return false;
  const labels = record.data.split(".");
  return (
    record.data.length > MAX_NAME_CHARACTERS ||
    labels.some((label) => label.length === 0 || label.length > MAX_LABEL_BYTES)
  );
}

function packetRecord({ name, record }: NamedRecord): PacketRecord {
  return { name, ...record, class: "IN" };
}

function optRecord(rcode: number): PacketRecord {
  return {
    type: "OPT",
    name: ".",
    udpPayloadSize: MAX_UDP_BYTES,
    extendedRcode: rcode >> 4,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}
