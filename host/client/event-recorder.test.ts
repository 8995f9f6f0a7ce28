import { expect, test } from "vitest";
import { Pod } from "../api/core-kinds.ts";
import type { CoreV1Event } from "../api/generated/types.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { ApiError } from "../apimachinery/errors.ts";
import { createLogger, silentLogger } from "../apimachinery/log.ts";
import { seededRandom } from "../apimachinery/random.ts";
import type { Client } from "./client.ts";
import { createEventRecorder } from "./event-recorder.ts";

const POD = { metadata: { namespace: "w", name: "web-1", uid: "u1", resourceVersion: "7" } };

function recording(fail: (attempt: number) => Error | undefined = () => undefined) {
  const clock = new VirtualClock();
  const sent: string[] = [];
  const created: CoreV1Event[] = [];
  let attempts = 0;
  const client = {
    create: async (_: unknown, event: CoreV1Event) => {
      const error = fail(++attempts);
      if (error !== undefined) throw error;
      sent.push(`create ${event.count} ${event.message}`);
      created.push(event);
      return event;
    },
    patch: async (_: unknown, __: unknown, patch: { body: Partial<CoreV1Event> }) => {
      sent.push(`patch ${patch.body.count} ${patch.body.message}`);
      return { ...created.at(-1), ...patch.body };
    },
  } as unknown as Client;
  const random = seededRandom(1);
  const recorder = createEventRecorder({ client, clock, random, log: silentLogger, component: "tester" });
  const say = (message: string) => recorder.event(Pod, POD, "Warning", "Failed", message);
  return { clock, sent, created, say, recorder };
}

test("an event carries what core/v1 recorders write", async () => {
  const { clock, created, say } = recording();
  say("no");
  await clock.advance(0);
  expect(created[0]).toMatchObject({
    metadata: { namespace: "w", name: expect.stringMatching(/^web-1\.[0-9a-f]{16}$/) },
    involvedObject: {
      kind: "Pod",
      namespace: "w",
      name: "web-1",
      uid: "u1",
      apiVersion: "v1",
      resourceVersion: "7",
    },
    source: { component: "tester" },
    reportingComponent: "tester",
    reportingInstance: "",
    firstTimestamp: "2026-01-01T00:00:00Z",
    lastTimestamp: "2026-01-01T00:00:00Z",
    count: 1,
    type: "Warning",
    reason: "Failed",
    message: "no",
  });
});

test("the same event again raises the count of the stored one", async () => {
  const { clock, sent, say } = recording();
  for (let i = 0; i < 3; i++) say("no");
  say("other");
  await clock.advance(0);
  expect(sent).toEqual(["create 1 no", "patch 2 no", "patch 3 no", "create 1 other"]);
});

test("many different messages of one reason become one event", async () => {
  const { clock, sent, say } = recording();
  for (let i = 1; i <= 12; i++) say(`m${i}`);
  await clock.advance(0);
  expect(sent.slice(8)).toEqual([
    "create 1 m9",
    "create 1 (combined from similar events): m10",
    "patch 2 (combined from similar events): m11",
    "patch 3 (combined from similar events): m12",
  ]);
});

test("an object that floods is cut off after 25, and gets one more in five minutes", async () => {
  const { clock, sent, say } = recording();
  for (let i = 0; i < 30; i++) say("no");
  await clock.advance(0);
  expect(sent.length).toBe(25);
  await clock.advance(300_000);
  say("no");
  await clock.advance(0);
  expect(sent.at(-1)).toBe("patch 31 no");
});

test("a server that cannot be reached is tried again, one that refuses is not", async () => {
  const unreachable = recording((attempt) =>
    attempt < 3 ? new ApiError("ServiceUnavailable", "connection refused") : undefined,
  );
  unreachable.say("no");
  await unreachable.clock.advance(21_000);
  expect(unreachable.sent).toEqual(["create 1 no"]);
  const refusing = recording((attempt) =>
    attempt === 1 ? new ApiError("Forbidden", "terminating") : undefined,
  );
  refusing.say("no");
  await refusing.clock.advance(60_000);
  expect(refusing.sent).toEqual([]);
});

/** A server that answers only when it is told to; events are written `pod message`. */
function waiting() {
  const clock = new VirtualClock();
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  const lines: string[] = [];
  const client = {
    create: (_: unknown, event: CoreV1Event) => {
      asked.push(`${event.involvedObject.name} ${event.message}`);
      return new Promise((resolve) => answers.push(() => resolve(event)));
    },
  } as unknown as Client;
  const log = createLogger((line) => lines.push(line), "warn");
  const recorder = createEventRecorder({ client, clock, random: seededRandom(1), log, component: "tester" });
  const say = (words: string) => {
    const [name = "", message = ""] = words.split(" ");
    recorder.event(Pod, { metadata: { namespace: "w", name, uid: name } }, "Normal", "Made", message);
  };
  const answerAll = async () => {
    while (answers.length > 0) {
      for (const answer of answers.splice(0)) answer();
      await clock.advance(0);
    }
  };
  return { clock, asked, lines, say, answerAll, recorder };
}

test("some are sent at once, those about one object one after the other", async () => {
  const { clock, asked, say, answerAll, recorder } = waiting();
  for (const words of ["a 1", "a 2", "b 1", "c 1"]) say(words);
  await clock.advance(0);
  expect(asked).toEqual(["a 1", "b 1", "c 1"]);
  let flushed = false;
  void recorder.flush().then(() => {
    flushed = true;
  });
  await clock.advance(0);
  expect(flushed).toBe(false);
  await answerAll();
  expect([asked.at(-1), flushed]).toEqual(["a 2", true]);
});

test("no more than eight are under way, a thousand wait, and what is dropped is said once", async () => {
  const { clock, asked, lines, say, answerAll } = waiting();
  for (let i = 0; i < 1_100; i++) say(`pod-${i} 1`);
  await clock.advance(0);
  expect(asked.length).toBe(8);
  expect(lines).toEqual(["warn event dropped, too many wait reason=Made"]);
  await answerAll();
  expect(asked.length).toBe(1_008);
  expect(lines.slice(1)).toEqual(["warn events dropped, too many waited events=92"]);
});
