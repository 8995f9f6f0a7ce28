import { networkInterfaces } from "node:os";
import type { V1Node } from "../../api/generated/types.ts";
import { Node } from "../../api/registry.ts";
import { sleep } from "../../apimachinery/clock.ts";
import { isReason } from "../../apimachinery/errors.ts";
import { type Address, parseAddress } from "../address.ts";
import { type ProxyComponent, type ProxyParts, startProxy } from "../component.ts";
import { nodePortAddresses, type ProxyOptions } from "../proxy-options.ts";
import type { RuleBackend } from "../rule-backend.ts";
import { FlagError, type ProxyFlags, proxyOptions } from "../table-options.ts";
import { Conntrack } from "./conntrack.ts";
import { IptablesRules, type KernelRulesOptions } from "./iptables-rules.ts";
import { IptablesTool } from "./iptables-tool.ts";
import { NftablesRules } from "./nftables-rules.ts";
import { isTcpLiberal, prepareConntrack, routeLocalhost } from "./sysctl.ts";
import { runTool } from "./tool.ts";

export interface KernelProxyOptions extends ProxyParts {
  readonly mode: "iptables" | "nftables";
  /** The Node that this machine is. */
  readonly nodeName: string;
  readonly flags: ProxyFlags;
  readonly minSyncPeriodMs: number;
  readonly syncPeriodMs: number;
}

/** How long `--detect-local-mode NodeCIDR` waits for the range of the node's pods. */
const POD_RANGE_TRIES = 300;
const POD_RANGE_PAUSE_MS = 1_000;

/** `--mode iptables` and `nftables`: this machine is a node, and its kernel carries the traffic. */
export async function startKernelProxy(options: KernelProxyOptions): Promise<ProxyComponent> {
  const { clock, log, metrics, mode, syncPeriodMs } = options;
  if (options.flags.detectLocalMode === "NodeCIDR") await awaitPodRange(options);
  prepareConntrack(log);
  const randomFully = await new IptablesTool("ipv4", runTool, clock).hasRandomFully();
  const rules = (node: V1Node | undefined): ProxyOptions => ({
    ...proxyOptions({ randomFully: mode === "nftables" || randomFully, ...options.flags }, node),
    nodeAddresses: interfaceAddresses(),
    dropInvalid: !isTcpLiberal(),
  });
  let current = rules(undefined);
  return await startProxy({
    ...options,
    healthCheckAddresses: () => healthCheckAddresses(current),
    backend: async ({ node, requestSync }): Promise<RuleBackend> => {
      if (node === undefined)
        log.warn("there is no such node: endpoints on it are not known as local", { node: options.nodeName });
      const shared: KernelRulesOptions = {
        clock,
        log,
        metrics,
        run: runTool,
        routeLocalhost: () => routeLocalhost(log),
        conntrack: new Conntrack(runTool, clock, log, metrics),
        options: () => {
          current = rules(node);
          return current;
        },
        syncPeriodMs,
        onLost: requestSync,
      };
      return mode === "iptables" ? await IptablesRules.open(shared) : new NftablesRules(shared);
    },
  });
}

/** All that this machine is reached by, loopback included. */
function interfaceAddresses(): Address[] {
  return Object.values(networkInterfaces()).flatMap((some) =>
    (some ?? []).flatMap(({ address }) => parseAddress(address.split("%")[0]!) ?? []),
  );
}

function healthCheckAddresses(options: ProxyOptions): string[] {
  return (["ipv4", "ipv6"] as const).flatMap((family) => {
    if (!options.nodeAddresses.some((address) => address.family === family)) return [];
    const addresses = nodePortAddresses(options, family);
    if (addresses === "all") return [family === "ipv4" ? "0.0.0.0" : "::"];
    return addresses.map(({ text }) => text);
  });
}

async function awaitPodRange({ client, clock, nodeName }: KernelProxyOptions): Promise<void> {
  for (let tried = 0; tried < POD_RANGE_TRIES; tried++) {
    try {
      const { spec } = await client.get(Node, { name: nodeName });
      if (spec?.podCIDR) return;
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
    }
    await sleep(clock, POD_RANGE_PAUSE_MS);
  }
  throw new FlagError(`detect-local-mode: Node ${nodeName} has no podCIDR`);
}
