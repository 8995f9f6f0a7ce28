import type { V1EndpointSlice, V1Node, V1Service } from "../api/generated/types.ts";
import type { FieldError } from "../apimachinery/field-error.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Flavour } from "../wasm/core-module.ts";
import { ServiceTableCore } from "../wasm/service-table-core.ts";
import type { NodeNumbers, TableCapacity } from "../wasm/service-table-facts.ts";
import { addressText, type Family } from "./address.ts";
import { type Packet, packetNumbers, type Verdict, verdictOf } from "./packet.ts";
import { nodePortAddresses, type ProxyOptions, podRange, servesLocalhost } from "./proxy-options.ts";
import { LARGE_CLUSTER_ENDPOINTS, renderIptables } from "./render-iptables.ts";
import { renderNftables } from "./render-nftables.ts";
import { ServiceModel } from "./service-model.ts";
import { PROTOCOL_NUMBERS } from "./service-port.ts";
import { RuleSync } from "./sync-rules.ts";
import { type ProxyFlags, proxyOptions } from "./table-options.ts";
import { hasUdpPort, staleUdpFlows } from "./udp-flows.ts";
import { objectIn, textIn } from "./untrusted.ts";

export { TableCapacityError } from "../wasm/service-table-core.ts";
export type { Packet, Verdict } from "./packet.ts";
export type { ProxyFlags } from "./table-options.ts";
export { FlagError } from "./table-options.ts";

/** A change as a watch brings it. Objects that no rule reads are passed over. */
export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: KubernetesObject;
}

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

const FIRST_CAPACITY: TableCapacity = {
  entries: 1_024,
  services: 256,
  targets: 1_024,
  endpoints: 1_024,
  ranges: 64,
  locals: 32,
  affinities: 65_536,
  flows: 65_536,
  packets: 1_024,
};

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

const FAMILIES: readonly Family[] = ["ipv4", "ipv6"];
const ZONE_LABEL = "topology.kubernetes.io/zone";

class CoreServiceTable implements ServiceTable {
  readonly #nodeName: string;
  readonly #options: ProxyOptions;
  readonly #models: Record<Family, ServiceModel>;
  readonly #core: ServiceTableCore;
  readonly #sync: RuleSync;
  readonly #problems = new Map<string, readonly FieldError[]>();

  constructor(nodeName: string, options: ProxyOptions, more: ServiceTableOptions) {
    this.#nodeName = nodeName;
    this.#options = options;
    const modelOptions = { allowExternalIps: more.allowExternalIps ?? true };
    const model = (family: Family) => new ServiceModel(family, { name: nodeName, zone: "" }, modelOptions);
    this.#models = { ipv4: model("ipv4"), ipv6: model("ipv6") };
    const capacity = { ...FIRST_CAPACITY, ...more.capacity };
    this.#core = new ServiceTableCore(capacity, {
      flavour: more.flavour ?? "release",
      seed: (more.seed ?? 0) >>> 0,
    });
    this.#core.putNode(nodeNumbers(options));
    this.#sync = new RuleSync(this.#core, options.nodeIps);
  }

  resolve(packets: readonly Packet[], nowMs: number): Verdict[] {
    const verdicts: Verdict[] = [];
    const batch = this.#core.capacity.packets;
    for (let start = 0; start < packets.length; start += batch) {
      const some = packets.slice(start, start + batch);
      for (const [i, packet] of some.entries()) this.#core.putPacket(i, packetNumbers(packet, start + i));
      this.#core.resolve(some.length, nowMs);
      for (let i = 0; i < some.length; i++) verdicts.push(verdictOf(this.#core.outcome(i)));
    }
    return verdicts;
  }

  update(changes: readonly Change[]): void {
    for (const change of changes) this.#apply(change);
    for (const family of FAMILIES) {
      const model = this.#models[family];
      const { services, endpoints } = model.takeChanges();
      if (services.size > 1) this.#sync.prepare([...services].flatMap((service) => model.rulesOf(service)));
      for (const service of services) this.#sync.sync(family, service, model.rulesOf(service));
      if (hasUdpPort(model, endpoints)) this.#forgetStaleFlows(model);
    }
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
    return [...this.#problems].flatMap(([object, errors]) =>
      errors.map(({ field, message }) => `${object}: ${field}: ${message}`),
    );
  }

  #apply({ type, object }: Change): void {
    const { kind } = object;
    const metadata = objectIn(object.metadata);
    const gone = type === "DELETED";
    const errors: FieldError[] = [];
    for (const family of FAMILIES) {
      const model = this.#models[family];
      if (kind === "Service") {
        if (gone) model.removeService(object as V1Service);
        else errors.push(...model.putService(object as V1Service));
      } else if (kind === "EndpointSlice") {
        if (gone) model.removeSlice(object as V1EndpointSlice);
        else errors.push(...model.putSlice(object as V1EndpointSlice));
      } else if (kind === "Node" && metadata.name === this.#nodeName) {
        model.setZone(gone ? "" : textIn(objectIn(metadata.labels)[ZONE_LABEL]));
      }
    }
    if (errors.length === 0 && this.#problems.size === 0) return;
    const name = `${kind} "${textIn(metadata.namespace)}/${textIn(metadata.name)}"`;
    if (errors.length === 0) this.#problems.delete(name);
    else this.#problems.set(name, onceEach(errors));
  }

  #forgetStaleFlows(model: ServiceModel): void {
    const isStale = staleUdpFlows(model);
    this.#core.removeFlows(PROTOCOL_NUMBERS.UDP, ({ destination, destinationPort, target, targetPort }) =>
      isStale({
        destination: addressText(destination),
        destinationPort,
        replySource: addressText(target),
        replyPort: targetPort,
      }),
    );
  }
}

/** Both families read the same object, and say the same of it. */
function onceEach(errors: readonly FieldError[]): FieldError[] {
  return [...new Map(errors.map((error) => [`${error.field} ${error.message}`, error])).values()];
}

/** What the core is told of a node. */
function nodeNumbers(options: ProxyOptions): NodeNumbers {
  const familyNumbers = (family: Family) => {
    const range = podRange(options, family);
    const addresses = nodePortAddresses(options, family);
    return {
      detectLocal:
        options.detectLocal.by === "interface"
          ? ("interface" as const)
          : range === undefined
            ? ("nothing" as const)
            : { address: range.words, prefixLength: range.prefixLength },
      nodePorts:
        addresses !== "all"
          ? ("chosen" as const)
          : servesLocalhost(options, family)
            ? ("all" as const)
            : ("allButLoopback" as const),
    };
  };
  const chosen = FAMILIES.map((family) => nodePortAddresses(options, family)).flatMap((all) =>
    all === "all" ? [] : all,
  );
  return {
    masqueradeAll: options.masqueradeAll,
    guardsLoopback: servesLocalhost(options, "ipv4"),
    families: [familyNumbers("ipv4"), familyNumbers("ipv6")],
    addresses: options.nodeAddresses.map((address) => ({
      address: address.words,
      takesNodePorts: chosen.some((one) => one.text === address.text),
    })),
  };
}
