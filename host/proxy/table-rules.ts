import type { Flavour } from "../wasm/core-module.ts";
import { ServiceTableCore } from "../wasm/service-table-core.ts";
import type { NodeNumbers, TableCapacity } from "../wasm/service-table-facts.ts";
import { addressText, type Family } from "./address.ts";
import { type Packet, packetNumbers, type Verdict, verdictOf } from "./packet.ts";
import { nodePortAddresses, type ProxyOptions, podRange, servesLocalhost } from "./proxy-options.ts";
import type { ServiceModel } from "./service-model.ts";
import { FAMILIES, type ServiceModels } from "./service-models.ts";
import { PROTOCOL_NUMBERS } from "./service-port.ts";
import { RuleSync } from "./sync-rules.ts";
import { hasUdpPort, staleUdpFlows } from "./udp-flows.ts";

export interface TableRulesOptions {
  /** Of the choice among endpoints. */
  readonly seed: number;
  /** How many clients and connections are remembered. Tables of Services grow as needed. */
  readonly capacity?: Partial<Pick<TableCapacity, "affinities" | "flows">>;
  /** Whether a Service without endpoints keeps its UDP flows, as with kube-proxy; true unless told otherwise. */
  readonly sparesLastFlows?: boolean;
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

/** The rules of one node as rows of a core, which decides packets by them. */
export class TableRules {
  readonly #core: ServiceTableCore;
  readonly #sync: RuleSync;
  readonly #sparesLastFlows: boolean;

  constructor(options: ProxyOptions, more: TableRulesOptions) {
    const { seed, capacity, flavour = "release" } = more;
    this.#sparesLastFlows = more.sparesLastFlows ?? true;
    this.#core = new ServiceTableCore({ ...FIRST_CAPACITY, ...capacity }, { flavour, seed: seed >>> 0 });
    this.#core.putNode(nodeNumbers(options));
    this.#sync = new RuleSync(this.#core, options.nodeIps);
  }

  /**
   * Writes what changed in the models since their changes were last taken, and forgets UDP flows that lead nowhere now.
   *
   * @throws TableCapacityError
   */
  sync(models: ServiceModels): void {
    for (const family of FAMILIES) {
      const model = models[family];
      const { services, endpoints } = model.takeChanges();
      if (services.size > 1) this.#sync.prepare([...services].flatMap((service) => model.rulesOf(service)));
      for (const service of services) this.#sync.sync(family, service, model.rulesOf(service));
      if (hasUdpPort(model, endpoints)) this.#forgetStaleFlows(model);
    }
  }

  /** @param nowMs  of any clock that does not go back: session affinity and connections expire by it */
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

  #forgetStaleFlows(model: ServiceModel): void {
    const isStale = staleUdpFlows(model, this.#sparesLastFlows);
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
