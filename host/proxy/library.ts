import type { V1Node } from "../api/generated/types.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Flavour } from "../wasm/core-module.ts";
import type { TableCapacity } from "../wasm/service-table-facts.ts";
import type { Family } from "./address.ts";
import type { Packet, Verdict } from "./packet.ts";
import type { ProxyOptions } from "./proxy-options.ts";
import { LARGE_CLUSTER_ENDPOINTS, renderIptables } from "./render-iptables.ts";
import { renderNftables } from "./render-nftables.ts";
import { type Change, FAMILIES, ServiceModels } from "./service-models.ts";
import { type ProxyFlags, proxyOptions } from "./table-options.ts";
import { TableRules } from "./table-rules.ts";

export { TableCapacityError } from "../wasm/service-table-core.ts";
export type { Packet, Verdict } from "./packet.ts";
export type { Change } from "./service-models.ts";
export type { ProxyFlags } from "./table-options.ts";
export { FlagError } from "./table-options.ts";

/** `pintle/service-table`: kube-proxy's decisions for one node, without a kernel (shared/contract.md). */
export interface ServiceTable {
  /**
   * Decides packets in order, as the kernel would with kube-proxy's rules.
   *
   * @param nowMs  of any clock that does not go back: session affinity and connections expire by it
   */
  resolve(packets: readonly Packet[], nowMs: number): Verdict[];
  /**
   * Only what depends on the change is written anew.
   *
   * @throws TableCapacityError beyond what a table can hold, 4 GiB
   */
  update(changes: readonly Change[]): void;
  /** The input of `iptables-restore --noflush --counters`, or of `ip6tables-restore`. */
  renderIptables(family: Family): string;
  /** The input of `nft -f -`, both families: a table of each, replaced in one transaction. */
  renderNftables(): string;
  /** What of the objects could not be used, as kube-proxy skips it: `Service "ns/name": field: why`. */
  problems(): string[];
}

export interface ServiceTableOptions extends ProxyFlags {
  /** Of the choice among endpoints. */
  readonly seed?: number;
  /** How many clients and connections are remembered. Tables of Services grow as needed. */
  readonly capacity?: Partial<Pick<TableCapacity, "affinities" | "flows">>;
  /** Feature gate AllowServiceExternalIPs. */
  readonly allowExternalIps?: boolean;
  /** Another build of the core; "debug" checks itself as it goes. */
  readonly flavour?: Flavour;
}

/**
 * A table of the Services and EndpointSlices among the objects, as the Node named `nodeName` sees them.
 *
 * @throws FlagError for an option that cannot be read
 */
export async function buildServiceTable(
  objects: readonly KubernetesObject[],
  options: ServiceTableOptions = {},
): Promise<ServiceTable> {
  const nodes = objects.filter((object): object is V1Node => object.kind === "Node");
  const node =
    options.nodeName === undefined
      ? nodes.length === 1
        ? nodes[0]
        : undefined
      : nodes.find(({ metadata }) => metadata?.name === options.nodeName);
  const table = new CoreServiceTable(
    options.nodeName ?? node?.metadata?.name ?? "",
    proxyOptions(options, node),
    options,
  );
  table.update(objects.map((object) => ({ type: "ADDED", object })));
  return table;
}

class CoreServiceTable implements ServiceTable {
  readonly #options: ProxyOptions;
  readonly #models: ServiceModels;
  readonly #rules: TableRules;

  constructor(nodeName: string, options: ProxyOptions, more: ServiceTableOptions) {
    this.#options = options;
    this.#models = new ServiceModels(nodeName, { allowExternalIps: more.allowExternalIps ?? true });
    this.#rules = new TableRules(options, { ...more, seed: more.seed ?? 0 });
  }

  resolve(packets: readonly Packet[], nowMs: number): Verdict[] {
    return this.#rules.resolve(packets, nowMs);
  }

  update(changes: readonly Change[]): void {
    for (const change of changes) this.#models.apply(change);
    this.#rules.sync(this.#models);
  }

  renderIptables(family: Family): string {
    const model = this.#models[family];
    const largeCluster = model.endpointTotal() > LARGE_CLUSTER_ENDPOINTS;
    return renderIptables({ family, options: this.#options, largeCluster, rules: model.allRules() }).text;
  }

  renderNftables(): string {
    return FAMILIES.map((family) =>
      renderNftables(family, this.#models[family].allRules(), this.#options),
    ).join("");
  }

  problems(): string[] {
    return this.#models.problems();
  }
}
