import { expect, test } from "vitest";
import { startVirtualApi } from "../../test/virtual-api.ts";
import type { CoreV1Event } from "../api/generated/types.ts";
import { Event } from "../api/registry.ts";
import { formatTime } from "../apimachinery/clock.ts";

const MINUTE_MS = 60_000;

test("an event goes an hour after it last happened, not after it first did", async () => {
  const { client, clock } = await startVirtualApi();
  const names = async () => (await client.list(Event)).items.map(({ metadata }) => metadata.name);
  const event = (name: string): CoreV1Event => ({
    metadata: { name, namespace: "default" },
    involvedObject: { kind: "Pod", namespace: "default", name: "web" },
    reason: "Pulled",
    type: "Normal",
    lastTimestamp: formatTime(clock.nowMs()),
  });
  await client.create(Event, event("once"));
  await client.create(Event, event("again"));
  await clock.advance(50 * MINUTE_MS);
  const body = { count: 2, lastTimestamp: formatTime(clock.nowMs()) };
  await client.patch(Event, { namespace: "default", name: "again" }, { type: "strategic", body });
  await clock.advance(9 * MINUTE_MS);
  expect(await names()).toEqual(["again", "once"]);
  await clock.advance(7 * MINUTE_MS);
  expect(await names()).toEqual(["again"]);
  await clock.advance(60 * MINUTE_MS);
  expect(await names()).toEqual([]);
});
