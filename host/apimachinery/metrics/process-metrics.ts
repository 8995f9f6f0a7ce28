import { readdirSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type { MetricsRegistry } from "./registry.ts";

/** What every Kubernetes component says of its process, in the names of Prometheus' clients. */
export function registerProcessMetrics(registry: MetricsRegistry): void {
  const cpu = registry.counter({
    name: "process_cpu_seconds_total",
    help: "Total user and system CPU time spent in seconds.",
  });
  const start = registry.gauge({
    name: "process_start_time_seconds",
    help: "Start time of the process since unix epoch in seconds.",
  });
  const resident = registry.gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory size in bytes.",
  });
  const virtual = registry.gauge({
    name: "process_virtual_memory_bytes",
    help: "Virtual memory size in bytes.",
  });
  const open = registry.gauge({
    name: "process_open_fds",
    help: "Number of open file descriptors.",
  });
  const most = registry.gauge({
    name: "process_max_fds",
    help: "Maximum number of open file descriptors.",
  });
  const heap = registry.gauge({
    name: "nodejs_heap_size_used_bytes",
    help: "Memory in use by JavaScript's objects in bytes.",
  });
  start.with().set(performance.timeOrigin / 1000);
  registry.beforeExpose(() => {
    const { user, system } = process.cpuUsage();
    cpu.with().value = (user + system) / 1e6;
    const memory = process.memoryUsage();
    resident.with().set(memory.rss);
    heap.with().set(memory.heapUsed);
    const facts = linuxFacts();
    if (facts === undefined) return;
    virtual.with().set(facts.virtualBytes);
    open.with().set(facts.openFiles);
    most.with().set(facts.maxFiles);
  });
}

/** undefined: the system keeps no such files, and these metrics stay 0. */
function linuxFacts(): { virtualBytes: number; openFiles: number; maxFiles: number } | undefined {
  try {
    const pages = Number(readFileSync("/proc/self/statm", "latin1").split(" ")[0]);
    const limit = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    const openFiles = readdirSync("/proc/self/fd").length;
    return { virtualBytes: pages * PAGE_BYTES, openFiles, maxFiles: Number(limit ?? 0) };
  } catch {
    return undefined;
  }
}

/** Of the processors that Node is built for on Linux, nearly all. */
const PAGE_BYTES = 4096;
