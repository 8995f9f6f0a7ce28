import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { V1Pod } from "../../api/generated/types.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { readLogOptions } from "../http/log-options.ts";
import { mayLogMore, podLog } from "./log.ts";

const NOW_MS = Date.parse("2026-01-01T00:10:00Z");
const STARTED = "2026-01-01T00:00:00Z";

/** `pod("a: running, b: waiting ErrImagePull")`: its containers, and what became of them. */
function pod(containers: string, spec: object = { nodeName: "n1" }): V1Pod {
  const parts = containers.split(", ").map((one) => one.split(": ") as [string, string]);
  return {
    metadata: { name: "two" },
    spec: { containers: parts.map(([name]) => ({ name, image: "i" })), ...spec },
    status: {
      containerStatuses: parts
        .filter(([, state]) => state !== "unknown")
        .map(([name, state]) => ({ name, ...(parse(STATES[state] ?? "") as object) })),
    },
  } as unknown as V1Pod;
}

const STATES: Readonly<Record<string, string>> = {
  running: `state: {running: {startedAt: "${STARTED}"}}`,
  ended: `state: {terminated: {startedAt: "${STARTED}", exitCode: 0}}`,
  restarted: `{state: {running: {startedAt: "2026-01-01T00:05:00Z"}}, lastState: {terminated: {startedAt: "${STARTED}"}}}`,
  waits: "state: {waiting: {reason: ContainerCreating}}",
  "cannot be pulled": "state: {waiting: {reason: ErrImagePull}}",
  "backs off": "state: {waiting: {reason: ImagePullBackOff}}",
};

const said = (name: string) => `pintle: container ${name} of pod two is simulated; image i was not run\n`;

function log(of: V1Pod, query: string): string {
  try {
    return podLog(of, readLogOptions(new URLSearchParams(query), "two", NOW_MS));
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.message}`;
    throw error;
  }
}

describe("the log of a container (kubelet 6.5)", () => {
  test.each([
    ["a: running", "", said("a")],
    ["a: ended", "", said("a")],
    ["a: running", "timestamps=true", `2026-01-01T00:00:00.000000000Z ${said("a")}`],
    ["a: running", "tailLines=0", ""],
    ["a: running", "tailLines=5", said("a")],
    ["a: running", "limitBytes=6", "pintle"],
    ["a: running", "timestamps=true&limitBytes=4", "2026"],
    ["a: running", "sinceSeconds=599", ""],
    ["a: running", "sinceSeconds=600", said("a")],
    ["a: running", "sinceTime=2026-01-01T00:00:01Z", ""],
    ["a: running", "sinceTime=2026-01-01T00:00:00Z", said("a")],
    ["a: running, b: running", "container=b", said("b")],
    [
      "a: running, b: running",
      "",
      "400 a container name must be specified for pod two, choose one of: [a b]",
    ],
    ["a: running", "container=z", "400 container z is not valid for pod two"],
    ["a: running", "previous=true", '400 previous terminated container "a" in pod "two" not found'],
    ["a: restarted", "previous=true&timestamps=1", `2026-01-01T00:00:00.000000000Z ${said("a")}`],
    ["a: restarted", "timestamps=1", `2026-01-01T00:05:00.000000000Z ${said("a")}`],
    ["a: waits", "", '400 container "a" in pod "two" is waiting to start: ContainerCreating'],
    ["a: cannot be pulled", "", '400 container "a" in pod "two" is waiting to start: image can\'t be pulled'],
    [
      "a: backs off",
      "",
      '400 container "a" in pod "two" is waiting to start: trying and failing to pull image',
    ],
    ["a: unknown", "", '400 container "a" in pod "two" is not available'],
    [
      "a: running",
      "tailLines=-1",
      '422 PodLogOptions "two" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      "a: running",
      "limitBytes=0",
      '422 PodLogOptions "two" is invalid: limitBytes: Invalid value: 0: must be greater than 0',
    ],
    [
      "a: running",
      "sinceSeconds=0",
      '422 PodLogOptions "two" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0',
    ],
    ["a: running", "tailLines=x", '400 strconv.ParseInt: parsing "x": invalid syntax'],
    [
      "a: running",
      "sinceTime=yesterday",
      '400 parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse it',
    ],
  ])("%s, asked %j: %j", (containers, query, text) => {
    expect(log(pod(containers), query)).toBe(text);
  });

  test("both bounds of time at once are refused", () => {
    expect(log(pod("a: running"), "sinceTime=2026-01-01T00:00:00Z&sinceSeconds=1")).toContain(
      "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
    );
  });

  test("a pod without a node has said nothing", () => {
    expect(log(pod("a: unknown", {}), "")).toBe("");
  });

  test.each([
    ["a: running", "", true],
    ["a: waits", "", true],
    ["a: ended", "", false],
    ["a: restarted", "previous=true", false],
  ])("%s, followed with %j: more may come: %s", (containers, query, more) => {
    const options = readLogOptions(new URLSearchParams(query), "two", NOW_MS);
    expect(mayLogMore(pod(containers), options)).toBe(more);
  });
});
