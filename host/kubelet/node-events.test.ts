import { expect, test } from "vitest";
import { startVirtualApi } from "../../test/virtual-api.ts";
import { NodeEvents } from "./node-events.ts";

test("recorders of nodes that came and went are bounded, and the newest still speak", async () => {
  const { client, parts, clock } = await startVirtualApi();
  const said: string[] = [];
  const watching = {
    ...client,
    create: async (_kind: unknown, event: { source?: { host?: string } }) =>
      said.push(event.source?.host ?? ""),
  };
  const events = new NodeEvents({ ...parts, client: watching as unknown as typeof client }, 2);
  for (const nodeName of ["a", "b", "c", "d"]) {
    const metadata = { name: `on-${nodeName}`, namespace: "default", uid: nodeName };
    events.event({ metadata, spec: { nodeName, containers: [] } }, "Normal", "Pulled", "an image");
  }
  expect(events.recorderCount).toBe(2);
  await clock.advance(1000);
  expect(said).toEqual(expect.arrayContaining(["c", "d"]));
  events.stop();
});
