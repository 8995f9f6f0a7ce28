import { expect, test } from "vitest";
import type { V1Node } from "../../api/generated/types.ts";
import { Health } from "./health.ts";

const CREATED = Date.parse("2026-01-01T00:00:00Z");
const second = 1000;

function node(heartbeat?: string, uid = "1"): V1Node {
  const conditions =
    heartbeat === undefined ? [] : [{ type: "Ready", status: "True", lastHeartbeatTime: heartbeat }];
  return { metadata: { name: "n", uid, creationTimestamp: "2026-01-01T00:00:00Z" }, status: { conditions } };
}

const lease = (renewTime: string, leaseDurationSeconds = 40) => ({
  metadata: { name: "n" },
  spec: { renewTime, leaseDurationSeconds },
});

test("a new node has 60 seconds from its creation, one that speaks 50 from its last sign", () => {
  const health = new Health();
  expect(health.see(node(), CREATED + 5 * second)).toEqual({ isNew: true, lostReady: false });
  expect(health.expiresMs(node())).toBe(CREATED + 60 * second);
  health.see(node("a"), CREATED + 20 * second);
  expect(health.expiresMs(node("a"))).toBe(CREATED + 70 * second);
  health.see(node("a"), CREATED + 30 * second);
  expect(health.expiresMs(node("a"))).toBe(CREATED + 70 * second);
  health.see(node("b"), CREATED + 30 * second);
  expect(health.expiresMs(node("b"))).toBe(CREATED + 80 * second);
});

test("only a Lease that was renewed is a sign, and one that lasts longer gives more time", () => {
  const health = new Health();
  health.see(node("a"), CREATED);
  health.renewed(lease("t1"), CREATED + 10 * second);
  expect(health.expiresMs(node("a"))).toBe(CREATED + 60 * second);
  health.renewed(lease("t1"), CREATED + 20 * second);
  expect(health.expiresMs(node("a"))).toBe(CREATED + 60 * second);
  health.renewed(lease("t2", 400), CREATED + 20 * second);
  expect(health.expiresMs(node("a"))).toBe(CREATED + 520 * second);
});

test("a Lease may be seen before its node, and a node of the same name is another", () => {
  const health = new Health();
  health.renewed(lease("t1"), CREATED);
  expect(health.see(node("a"), CREATED + second).isNew).toBe(true);
  expect(health.see(node("a"), CREATED + second).isNew).toBe(false);
  expect(health.see(node("a", "2"), CREATED + second).isNew).toBe(true);
  health.forget("n");
  expect(health.expiresMs(node("a"))).toBe(Number.POSITIVE_INFINITY);
});
