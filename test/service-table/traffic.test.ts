import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import { JUMP_RULES, jumpArguments } from "../../host/proxy/jump-rules.ts";
import { buildServiceTable, type ServiceTableOptions } from "../../host/proxy/library.ts";
import { packet } from "./both.ts";
import { hasNamespaces } from "./namespace.ts";
import { type Case, PACKET_CASES } from "./packet-cases.ts";
import { NODE, service, slice } from "./shorthand.ts";
import { NODE_ADDRESSES, type NodeName, TrafficLab } from "./traffic-lab.ts";

/**
 * Rows that the reference sent through a kernel: sent here, too, as real connections between network namespaces, with the
 * rendered rules loaded on three nodes.
 */
const SENT = new Set(
  [...Array.from({ length: 36 }, (_, i) => i + 1), 39, 42, 45, 46, 47, 48, 49, 50, 54, 55, 56, 69].map(
    String,
  ),
);
const CASES = PACKET_CASES.map((one) => ({ ...one, rows: one.rows.filter(([row]) => SENT.has(row)) })).filter(
  ({ rows, flags }) => rows.length > 0 && Object.keys(flags).length === 0,
);
const FORMS = ["legacy", "nft", "nftables"] as const;
type Form = (typeof FORMS)[number];

/** What the nftables form does otherwise, on purpose: service-tables 5.6. */
const IN_NFTABLES: Readonly<Record<string, string>> = {
  // Node ports do not answer on localhost, where nobody listens.
  "6": "reject",
  "16": "reject",
  "26": "reject",
  // The endpoint of the case is on no node, so on none is it known to call itself; see below for one that is.
  "39": "timeout",
  // Unused ports of a ClusterIP are refused, and so is the node itself at an address without endpoints.
  "45": "reject",
  "50": "reject",
};

/** Long enough for a busy machine where an answer must come; where none may, long enough for one that comes. */
const ANSWER_MS = 20_000;
const SILENCE_MS = 500;
/** Of n connections to two endpoints all go to the same one once in 2^(n-1). */
const CONNECTIONS = 20;
/** A kernel sends few ICMP messages at once. */
const REFUSED_CONNECTIONS = 4;

const can = hasNamespaces(["ip", "nsenter"]);
let lab: TrafficLab;

beforeAll(async () => {
  if (!can) return;
  lab = new TrafficLab();
  await lab.start();
}, 60_000);
afterAll(() => lab?.stop());

/** As the slices of the cases call them. */
const NAMES: Readonly<Record<NodeName, string>> = { a: NODE, b: "other", c: "third" };

/** Loads the rules of every node in the place of what it had. */
async function load(form: Form, objects: readonly KubernetesObject[], flags: ServiceTableOptions = {}) {
  for (const [name, addresses] of Object.entries(NODE_ADDRESSES)) {
    const table = await buildServiceTable(objects, {
      nodeName: NAMES[name as NodeName],
      nodeAddresses: addresses,
      clusterCidr: ["10.0.0.0/8"],
      ...flags,
    });
    const tool = `iptables-${form}`;
    const script =
      form === "nftables"
        ? ["nft flush ruleset", "nft -f -"]
        : [
            "nft flush ruleset",
            ...["nat", "filter"].flatMap((one) => [
              `iptables-legacy -t ${one} -F`,
              `iptables-legacy -t ${one} -X`,
            ]),
            `${tool}-restore --noflush --counters`,
            ...JUMP_RULES.map((jump) => {
              const words = jumpArguments(jump).map((word) => `'${word}'`);
              return `${tool} -w 5 -t ${jump.table} -I ${jump.source} ${words.join(" ")}`;
            }),
          ];
    const text = form === "nftables" ? table.renderNftables() : table.renderIptables("ipv4");
    lab.onNode(name as NodeName, script.join("\n"), text);
  }
}

/** What the connections of a packet meet: `10.180.0.1:80 masq | 10.180.1.1:80 masq`, `reject`, `timeout`. */
async function meets(
  text: string,
  { wants = "", from = "a" }: { wants?: string; from?: NodeName } = {},
): Promise<string> {
  const { source, destination, port, protocol } = packet(text);
  const timeoutMs = wants === "timeout" ? SILENCE_MS : ANSWER_MS;
  const dial = { source, destination, port, protocol, timeoutMs };
  const count = wants === "timeout" ? 1 : wants === "reject" ? REFUSED_CONNECTIONS : CONNECTIONS;
  const answers = await Promise.all(Array.from({ length: count }, () => lab.dial(dial, from)));
  return [...new Set(answers.map((answer) => inWords(answer, source)))].sort().join(" | ");
}

const OF_NODES = Object.values(NODE_ADDRESSES).flat();

/** An endpoint that sees a node instead of whom dialled got a masqueraded packet. */
function inWords(answer: string, source: string): string {
  const [endpoint, seen] = answer.split(" ");
  if (seen === undefined || seen === source) return endpoint!;
  return `${endpoint} ${OF_NODES.includes(seen) ? "masq" : `saw ${seen}`}`;
}

/** What is seen of a verdict: silence is silence, and the node's own address is no other when masqueraded. */
function seenOf([row, text, wants]: Case, form: Form): string {
  if (form === "nftables" && IN_NFTABLES[row] !== undefined) return IN_NFTABLES[row];
  if (wants === "drop" || wants === "pass") return "timeout";
  return OF_NODES.includes(packet(text).source) ? wants.replaceAll(" masq", "") : wants;
}

test("all 48 rows that the reference sent are sent", () => {
  const rows = CASES.flatMap((one) => one.rows.map(([row]) => row));
  expect(new Set(rows)).toEqual(SENT);
  expect(SENT.size).toBe(48);
});

describe.skipIf(!can).each(FORMS)("%s", (form) => {
  test.each(CASES)("$title", { timeout: 60_000 }, async ({ objects, rows }) => {
    await load(form, objects);
    const wants = rows.map((row) => `${row[0]}: ${row[1]} -> ${seenOf(row, form)}`);
    const found = rows.map(
      async (row) => `${row[0]}: ${row[1]} -> ${await meets(row[1], { wants: seenOf(row, form) })}`,
    );
    expect(await Promise.all(found)).toEqual(wants);
  });

  test("other nodes have the same Services, and what is local is theirs", { timeout: 60_000 }, async () => {
    const [policies] = CASES;
    await load(form, policies!.objects);
    const silent = { wants: "timeout" };
    const found = await Promise.all([
      meets("10.180.1.2 > 172.30.0.41:80"),
      // An endpoint that may meet itself.
      meets("10.180.0.1 > 172.30.0.41:80"),
      meets("203.0.113.2 > 192.168.0.3:3001"),
      // Policy Local: node b has one endpoint of svc2, node c none.
      meets("203.0.113.2 > 192.168.0.3:3002"),
      meets("203.0.113.2 > 192.168.0.4:3002", silent),
      meets("10.180.2.1 > 192.168.0.4:3002"),
      meets("10.180.2.1 > 172.30.0.43:80", silent),
      meets("192.168.0.4 > 172.30.0.41:80", { from: "c" }),
    ]);
    expect(found).toEqual([
      "10.180.0.1:80 | 10.180.1.1:80",
      "10.180.0.1:80 masq | 10.180.1.1:80",
      "10.180.0.1:80 masq | 10.180.1.1:80 masq",
      "10.180.1.2:80",
      "timeout",
      "10.180.0.2:80 | 10.180.1.2:80",
      "timeout",
      "10.180.0.1:80 | 10.180.1.1:80",
    ]);
  });

  test("a client stays with its endpoint, and goes elsewhere when that is gone", {
    timeout: 60_000,
  }, async () => {
    const sticky = service("ns/sticky", "172.30.0.50", "p80 TCP 80", { sessionAffinity: "ClientIP" });
    const all = ["10.180.0.1", "10.180.0.2", "10.180.1.1", "10.180.1.2"];
    await load(form, [sticky, slice("ns/sticky", "p80 TCP 80", all)]);
    const clients = ["10.0.0.2", "10.180.0.3", "10.180.2.1", "203.0.113.2"];
    const dial = async (client: string) => {
      // The first decides; those that come at the same time decide for themselves.
      const first = await lab.dial({ ...HOME, source: client });
      return [
        first.split(" ")[0]!,
        (await meets(`${client} > 172.30.0.50:80`)).replace(" masq", ""),
      ] as const;
    };
    const chosen = await Promise.all(clients.map(dial));
    for (const [first, later] of chosen) expect(later).toBe(first);
    const gone = chosen[0]![0].replace(":80", "");
    const left = all.filter((address) => address !== gone);
    await load(form, [sticky, slice("ns/sticky", "p80 TCP 80", left)]);
    const [again] = await dial(clients[0]!);
    expect(left).toContain(again.replace(":80", ""));
  });
});

const HOME = { destination: "172.30.0.50", port: 80, protocol: "TCP", timeoutMs: ANSWER_MS } as const;
