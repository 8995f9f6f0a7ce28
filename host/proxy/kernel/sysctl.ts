import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Logger } from "../../apimachinery/log.ts";

const CONNTRACK_PER_CORE = 32_768;
const CONNTRACK_MIN = 131_072;
const CONNTRACK_MAX = 1_048_576;
const TCP_ESTABLISHED_SECONDS = 86_400;
const TCP_CLOSE_WAIT_SECONDS = 3_600;

/** What kube-proxy asks of conntrack when it starts: never less than there is. Source: service-tables 4.3. */
export function prepareConntrack(log: Logger): void {
  const wanted = Math.min(
    Math.max(CONNTRACK_PER_CORE * availableParallelism(), CONNTRACK_MIN),
    CONNTRACK_MAX,
  );
  if (Number(read("net/netfilter/nf_conntrack_max")) < wanted)
    write("net/netfilter/nf_conntrack_max", wanted, log);
  write("net/netfilter/nf_conntrack_tcp_timeout_established", TCP_ESTABLISHED_SECONDS, log);
  write("net/netfilter/nf_conntrack_tcp_timeout_close_wait", TCP_CLOSE_WAIT_SECONDS, log);
}

/** Whether conntrack lets packets pass that it finds out of order: then none are INVALID, and none may be dropped as such. */
export function isTcpLiberal(): boolean {
  const value = read("net/netfilter/nf_conntrack_tcp_be_liberal");
  return value !== "" && value !== "0";
}

/** Packets to 127.0.0.1 may be sent on to elsewhere: node ports on localhost need it. */
export function routeLocalhost(log: Logger): void {
  write("net/ipv4/conf/all/route_localnet", 1, log);
}

/** "" for what this kernel does not have. */
function read(name: string): string {
  try {
    return readFileSync(`/proc/sys/${name}`, "utf8").trim();
  } catch {
    // Without the module there is no such file, and its default holds.
    return "";
  }
}

function write(name: string, value: number, log: Logger): void {
  if (read(name) === String(value)) return;
  try {
    writeFileSync(`/proc/sys/${name}`, String(value));
  } catch (error) {
    // In a container it may be read-only, and whoever runs the machine has set it.
    log.warn("sysctl not set", { name, value, error: String(error) });
  }
}
