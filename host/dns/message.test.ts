import { decode, encode, type Packet } from "dns-packet";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../apimachinery/random.ts";
import { type Answer, empty, type Question, RCODE } from "./answer.ts";
import { respond, type Transport } from "./message.ts";

/** `n` addresses under the name that was asked. */
const addresses =
  (n: number) =>
  ({ name }: Question): Answer => ({
    ...empty(RCODE.noError),
    answers: Array.from({ length: n }, (_, i) => ({
      name,
      record: { type: "A" as const, ttl: 5, data: `10.128.${i >> 8}.${i & 255}` },
    })),
  });

const ASKED = "web.shop.svc.cluster.local";
function query(name = ASKED, more: Partial<Packet> = {}): Buffer {
  return encode({ type: "query", id: 7, flags: 256, questions: [{ name, type: "A" }], ...more });
}

const opt = (udpPayloadSize: number, ednsVersion = 0) => ({
  type: "OPT" as const,
  name: ".",
  udpPayloadSize,
  ednsVersion,
  extendedRcode: 0,
  flags: 0,
  flag_do: false,
  options: [],
});

/** `NOERROR aa rd 3 answers`, with `tc` where it was cut and the EDNS size where there is one. */
function said(message: Buffer, transport: Transport = "udp", answer = addresses(3)): string {
  const reply = respond(message, transport, answer);
  if (reply === undefined) return "silence";
  const { id, answers, additionals, flag_aa, flag_rd, flag_tc, ...rest } = decode(reply);
  expect(id).toBe(message.readUInt16BE(0));
  const edns = additionals?.find((one) => one.type === "OPT");
  const words = [
    (rest as unknown as { rcode: string }).rcode,
    flag_aa ? "aa" : "",
    flag_rd ? "rd" : "",
    flag_tc ? "tc" : "",
    `${answers?.length} answers`,
    edns === undefined ? "" : `edns ${edns.extendedRcode}`,
  ];
  return words.filter(Boolean).join(" ");
}

describe("what is asked", () => {
  test("goes back byte for byte, with its upper and lower case", () => {
    const message = query("wEb.SHOP.svc.cluster.LOCAL");
    const reply = respond(message, "udp", addresses(1))!;
    expect(reply.subarray(12, message.length)).toEqual(message.subarray(12));
    expect(decode(reply).answers![0]!.name).toBe("wEb.SHOP.svc.cluster.LOCAL");
  });

  test.each([
    ["plain", query(), "NOERROR aa rd 3 answers"],
    ["without a wish for recursion", query(ASKED, { flags: 0 }), "NOERROR aa 3 answers"],
    ["with EDNS", query(ASKED, { additionals: [opt(1232)] }), "NOERROR aa rd 3 answers edns 0"],
    ["another version of EDNS", query(ASKED, { additionals: [opt(1232, 1)] }), "NOERROR rd 0 answers edns 1"],
    ["two sizes", query(ASKED, { additionals: [opt(1232), opt(512)] }), "FORMERR rd 0 answers"],
    ["a status query", query(ASKED, { flags: 2 << 11 }), "NOTIMP 0 answers"],
    ["an update", query(ASKED, { flags: 5 << 11 }), "NOTIMP 0 answers"],
  ])("%s", (_, message, wants) => expect(said(message)).toBe(wants));
});

describe("what does not fit", () => {
  // An address takes 42 bytes here, 12 and 32 are the header and the question.
  test.each([
    ["512 bytes without EDNS", 20, query(), "udp", "NOERROR aa rd tc 11 answers"],
    ["all of it by TCP", 20, query(), "tcp", "NOERROR aa rd 20 answers"],
    [
      "what the asker can take",
      20,
      query(ASKED, { additionals: [opt(700)] }),
      "udp",
      "NOERROR aa rd tc 15 answers edns 0",
    ],
    [
      "never more than 1232",
      100,
      query(ASKED, { additionals: [opt(65535)] }),
      "udp",
      "NOERROR aa rd tc 28 answers edns 0",
    ],
    [
      "never less than 512",
      20,
      query(ASKED, { additionals: [opt(1)] }),
      "udp",
      "NOERROR aa rd tc 10 answers edns 0",
    ],
    ["64 KiB by TCP", 5_000, query(), "tcp", "NOERROR aa rd tc 1559 answers"],
  ] as const)("%s", (_, count, message, transport, wants) => {
    expect(said(message, transport, addresses(count))).toBe(wants);
    const size = transport === "tcp" ? 65_535 : 1_232;
    expect(respond(message, transport, addresses(count))!.length).toBeLessThanOrEqual(size);
  });

  test("a name with a part that is too long is a failure of the server, not a broken message", () => {
    const answer = ({ name }: Question): Answer => ({
      ...empty(RCODE.noError),
      answers: [{ name, record: { type: "CNAME", ttl: 5, data: `${"a".repeat(64)}.example` } }],
    });
    expect(said(query(), "udp", answer)).toBe("SERVFAIL rd 0 answers");
  });
});

const header = (flags: number, ...counts: number[]) => {
  const bytes = Buffer.alloc(12);
  [7, flags, ...counts].forEach((word, i) => {
    bytes.writeUInt16BE(word, 2 * i);
  });
  return bytes;
};
const name = (...bytes: number[]) => Buffer.from(bytes);
const TAIL = Buffer.from([0, 1, 0, 1]);

describe("hostile messages", () => {
  test.each([
    ["nothing", Buffer.alloc(0), "silence"],
    ["less than a header", Buffer.alloc(11), "silence"],
    ["an answer", header(0x8000, 0, 0, 0, 0), "silence"],
    ["no question", header(0, 0, 0, 0, 0), "FORMERR 0 answers"],
    [
      "two questions",
      Buffer.concat([header(0, 2, 0, 0, 0), name(0), TAIL, name(0), TAIL]),
      "FORMERR 0 answers",
    ],
    ["a question that is cut off", query().subarray(0, 30), "FORMERR rd 0 answers"],
    [
      "a name that points to itself",
      Buffer.concat([header(0, 1, 0, 0, 0), name(0xc0, 12), TAIL]),
      "FORMERR 0 answers",
    ],
    [
      "a name that points into the header",
      Buffer.concat([header(0, 1, 0, 0, 0), name(1, 97, 0xc0, 0), TAIL]),
      "FORMERR 0 answers",
    ],
    [
      "a label of an unknown kind",
      Buffer.concat([header(0, 1, 0, 0, 0), name(0x40, 1, 0), TAIL]),
      "FORMERR 0 answers",
    ],
    [
      "a name of more than 255 bytes",
      Buffer.concat([
        header(0, 1, 0, 0, 0),
        ...Array<Buffer>(5).fill(Buffer.concat([name(60), Buffer.alloc(60, 97)])),
        name(0),
        TAIL,
      ]),
      "FORMERR 0 answers",
    ],
    [
      "answers in a question",
      Buffer.concat([header(0, 1, 65535, 0, 0), query().subarray(12)]),
      "FORMERR 0 answers",
    ],
    ["more than there is", Buffer.concat([header(0, 1, 0, 0, 2), query().subarray(12)]), "FORMERR 0 answers"],
    [
      "65535 records",
      Buffer.concat([header(0, 1, 0, 0, 65535), query().subarray(12), Buffer.alloc(60_000)]),
      "FORMERR 0 answers",
    ],
    [
      "options that end too soon",
      Buffer.concat([
        header(0, 1, 0, 0, 1),
        query().subarray(12),
        Buffer.from([0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 9, 0, 8, 0, 99]),
      ]),
      "FORMERR 0 answers",
    ],
  ])("%s", (_, message, wants) => expect(said(message)).toBe(wants));

  test("a name with other bytes is nobody's", () => {
    const seen: string[] = [];
    const message = Buffer.concat([header(0, 1, 0, 0, 0), name(2, 0xff, 0xfe, 0), TAIL]);
    respond(message, "udp", (question) => {
      seen.push(question.name);
      return empty(RCODE.refused);
    });
    expect(seen).toEqual([""]);
  });

  test("anything at all is answered or not, and never throws", () => {
    const random = seededRandom(11);
    const good = query(ASKED, { additionals: [opt(1232)] });
    for (let i = 0; i < 20_000; i++) {
      const bytes = i % 2 === 0 ? Buffer.from(good) : Buffer.alloc(random.below(64));
      for (let k = 1 + random.below(6); k > 0 && bytes.length > 0; k--)
        bytes[random.below(bytes.length)] = random.below(256);
      const cut = bytes.subarray(0, bytes.length - random.below(3));
      const reply = respond(cut, random.below(2) === 0 ? "udp" : "tcp", addresses(random.below(40)));
      if (reply !== undefined) expect(reply.readUInt16BE(2) & 0x8000).toBe(0x8000);
    }
  });
});
