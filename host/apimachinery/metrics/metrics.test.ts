import { expect, test } from "vitest";
import { exponentialBuckets, MAX_SERIES } from "./metrics.ts";
import { registerProcessMetrics } from "./process-metrics.ts";
import { MetricsRegistry } from "./registry.ts";

test("the page: ordered by name, each metric with its help and type", () => {
  const registry = new MetricsRegistry();
  const requests = registry.counter({ name: "requests_total", help: "Requests.", labels: ["verb", "code"] });
  const depth = registry.gauge({ name: "depth", help: "Depth of\nthe \\ queue." });
  registry.counter({ name: "never_total", help: "Without labels it is shown at once." });
  registry.counter({ name: "unseen_total", help: "With labels it is not.", labels: ["code"] });
  requests.with("GET", "200").inc();
  requests.with("GET", "200").inc();
  requests.with("LIST", "410").inc(3);
  depth.with().set(2);
  depth.with().dec();
  expect(registry.expose()).toBe(`# HELP depth Depth of\\nthe \\\\ queue.
# TYPE depth gauge
depth 1
# HELP never_total Without labels it is shown at once.
# TYPE never_total counter
never_total 0
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{verb="GET",code="200"} 2
requests_total{verb="LIST",code="410"} 3
`);
});

test("a histogram counts each value in its bucket and in all above", () => {
  const registry = new MetricsRegistry();
  const seconds = registry.histogram({ name: "s", help: "S.", labels: ["verb"], buckets: [0.5, 1] });
  for (const value of [0.5, 0.75, 7]) seconds.with("GET").observe(value);
  expect(registry.expose().split("\n").slice(2)).toEqual([
    's_bucket{verb="GET",le="0.5"} 1',
    's_bucket{verb="GET",le="1"} 2',
    's_bucket{verb="GET",le="+Inf"} 3',
    's_sum{verb="GET"} 8.25',
    's_count{verb="GET"} 3',
    "",
  ]);
});

test("a value of a label is a string of its own, whatever is in it", () => {
  const registry = new MetricsRegistry();
  registry
    .counter({ name: "c", help: "C.", labels: ["a"] })
    .with('"}\\\n')
    .inc();
  expect(registry.expose()).toContain('\nc{a="\\"}\\\\\\n"} 1\n');
});

test("beyond its bound a metric counts what is new together", () => {
  const registry = new MetricsRegistry();
  const counter = registry.counter({ name: "c", help: "C.", labels: ["a", "b"] });
  for (let made = 0; made < MAX_SERIES + 3; made++) counter.with(`${made}`, "x").inc();
  counter.with("0", "x").inc();
  const lines = registry.expose().trimEnd().split("\n").slice(2);
  expect(lines).toHaveLength(MAX_SERIES + 1);
  expect(lines[0]).toBe('c{a="0",b="x"} 2');
  expect(lines.at(-1)).toBe('c{a="other",b="other"} 3');
});

test("what is read only when asked for", () => {
  const registry = new MetricsRegistry();
  const depth = registry.gauge({ name: "depth", help: "D.", labels: ["queue"] });
  let queues = ["a", "b"];
  registry.beforeExpose(() => {
    depth.clear();
    for (const queue of queues) depth.with(queue).set(queue.length);
  });
  expect(registry.expose()).toContain('depth{queue="b"} 1');
  queues = ["a"];
  expect(registry.expose()).not.toContain('depth{queue="b"}');
});

test("a name is taken once, and is a name", () => {
  const registry = new MetricsRegistry();
  registry.counter({ name: "c", help: "" });
  expect(() => registry.gauge({ name: "c", help: "" })).toThrow("there is a metric c already");
  expect(() => registry.gauge({ name: "a b", help: "" })).toThrow("no name of a metric: a b");
});

test("buckets that double", () => {
  expect(exponentialBuckets(0.5, 2, 4)).toEqual([0.5, 1, 2, 4]);
});

test("the process says what it takes", () => {
  const registry = new MetricsRegistry();
  registerProcessMetrics(registry);
  const page = registry.expose();
  const value = (name: string) => Number(new RegExp(`^${name} (.*)$`, "m").exec(page)?.[1]);
  expect(value("process_cpu_seconds_total")).toBeGreaterThan(0);
  expect(value("process_resident_memory_bytes")).toBeGreaterThan(1e6);
  expect(value("process_start_time_seconds")).toBeGreaterThan(1.6e9);
  if (process.platform === "linux") expect(value("process_open_fds")).toBeGreaterThan(2);
});
