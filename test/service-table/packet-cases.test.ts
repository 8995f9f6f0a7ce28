import { describe, expect, test } from "vitest";
import { both, FLAGS, packet, tableSays, walkerSays } from "./both.ts";
import { EXT, endpoints, LB_LOCAL, PACKET_CASES } from "./packet-cases.ts";
import { service, slice } from "./shorthand.ts";

/** kube-proxy's packet-flow cases, through the table and through the walked chains; traffic.test.ts sends them. */
describe.each(PACKET_CASES)("$title", ({ objects, rows, flags }) => {
  test.each(rows)("%s: %s -> %s", async (_, text, wants) => {
    const made = await both(objects, { ...FLAGS, ...flags });
    const said = { table: tableSays(made.table, packet(text)), walker: walkerSays(made, packet(text)) };
    expect(said).toEqual({ table: wants, walker: wants });
    expect(made.table.problems()).toEqual([]);
  });
});

test("all 72 rows of the reference are among them", () => {
  const rows = new Set(PACKET_CASES.flatMap((one) => one.rows.map(([row]) => Number(row))));
  const wanted = Array.from({ length: 71 }, (_, i) => i + 1);
  // The last follows.
  expect(wanted.filter((row) => !rows.has(row))).toEqual([]);
});

const probed = service("ns/svc1", "172.30.0.41", "p80 TCP 80 3001", LB_LOCAL, [{ ip: "1.2.3.4" }]);
test("72: the port of health checks is open, and not after the Service is gone", async () => {
  const asked = packet(`${EXT} > 192.168.0.2:30000`);
  const made = await both([probed, slice("ns/svc1", "p80 TCP 80", endpoints(1))], FLAGS);
  const rules = () => made.table.renderIptables("ipv4").match(/--dport 30000 -j ACCEPT/g)?.length ?? 0;
  expect([tableSays(made.table, asked), walkerSays(made, asked), rules()]).toEqual(["pass", "pass", 1]);
  made.table.update([{ type: "DELETED", object: probed }]);
  expect(rules()).toBe(0);
});
