import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { V1EndpointSlice, V1Service } from "../host/api/generated/types.ts";
import { seededRandom } from "../host/apimachinery/random.ts";
import { parseAddress } from "../host/proxy/address.ts";
import { buildServiceTable, type Packet } from "../host/proxy/library.ts";
import { LARGE_CLUSTER_ENDPOINTS, renderIptables } from "../host/proxy/render-iptables.ts";
import { ServiceModel } from "../host/proxy/service-model.ts";
import { RuleSync } from "../host/proxy/sync-rules.ts";
import { proxyOptions } from "../host/proxy/table-options.ts";
import { ServiceTableCore } from "../host/wasm/service-table-core.ts";
import { JsMap, LinearChain } from "./peers/js-map.ts";
import { type DrawnPacket, MIXES, type Mix, PACKETS, packetsOf } from "./service-tables/mixes.ts";
import { clusterIpOf, isSticky, numberOf, services, sliceOf } from "./service-tables/shapes.ts";
import { tcpRelay } from "./service-tables/tcp-relay.ts";
import type { Case, Measurement, Suite } from "./suite.ts";

/**
 * Services as a table: packets decided per second, from packets in the core's ring, and what it takes to build, change and
 * render it. A tenth of the answers are compared with what the slices say.
 */
const SIZES = [
  { name: "1k", count: 1_000, endpoints: 10 },
  { name: "10k", count: 10_000, endpoints: 10 },
  { name: "100k", count: 100_000, endpoints: 2 },
] as const;
type Size = (typeof SIZES)[number];

const FLAGS = { clusterCidr: ["10.0.0.0/8"], nodeAddresses: ["192.168.0.2"] };
const NODE = { name: "node-0", zone: "" };
/** Timed for at least so long. */
const MIN_MS = 400;

function modelOf({ count, endpoints }: Size): ServiceModel {
  const model = new ServiceModel("ipv4", NODE, { allowExternalIps: true });
  for (const object of services(count, endpoints))
    if (object.kind === "Service") model.putService(object as V1Service);
    else model.putSlice(object as V1EndpointSlice);
  return model;
}

/** A core with the Services of a size, without the library around it. */
function coreOf(size: Size, model: ServiceModel): ServiceTableCore {
  const first = { entries: 1024, services: 256, targets: 1024, endpoints: 1024, ranges: 8, locals: 8 };
  const capacity = { ...first, affinities: 1 << 17, flows: 1 << 17, packets: PACKETS };
  const core = new ServiceTableCore(capacity, { flavour: "release", seed: 1 });
  const options = proxyOptions(FLAGS, undefined);
  core.putNode({
    masqueradeAll: false,
    guardsLoopback: true,
    families: [
      {
        detectLocal: { address: parseAddress("10.0.0.0")!.words, prefixLength: 104 },
        nodePorts: "all",
      },
      { detectLocal: "nothing", nodePorts: "allButLoopback" },
    ],
    addresses: options.nodeAddresses.map(({ words }) => ({ address: words, takesNodePorts: false })),
  });
  const sync = new RuleSync(core, options.nodeIps);
  const { services: changed } = model.takeChanges();
  sync.prepare([...changed].flatMap((service) => model.rulesOf(service)));
  for (const service of changed) sync.sync("ipv4", service, model.rulesOf(service));
  if (core.entryCount !== size.count) throw new Error("entries are missing");
  return core;
}

/**
 * Calls until enough time has gone by; the best of the calls, in ms of processor time of this process: the figures are of
 * one core, and others run on this machine, too.
 */
function bestMs(call: () => void): number {
  call();
  let best = Number.POSITIVE_INFINITY;
  for (let total = 0; total < MIN_MS; ) {
    const took = processorMs(call);
    best = Math.min(best, took);
    total += took;
  }
  return best;
}

function processorMs(call: () => void): number {
  const before = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function resolveCase(size: Size): Case {
  return {
    name: `resolve-${size.name}`,
    run: async () => {
      const core = coreOf(size, modelOf(size));
      const map = new JsMap();
      const chain = new LinearChain(size.count);
      for (let i = 0; i < size.count; i++) {
        map.add(numberOf(clusterIpOf(i)), 80, { endpoints: endpointNumbers(i, size), sticky: isSticky(i) });
        chain.add(numberOf(clusterIpOf(i)), 80);
      }
      const measurements = MIXES.map((mix) => measureMix(mix, size, core, map));
      const random = packetsOf(MIXES[0], size.count);
      const walked = random.slice(0, Math.min(PACKETS, 20_000_000 / size.count));
      let missed = 0;
      const chainMs = bestMs(() => {
        for (const { destination } of walked) if (chain.find(destination, 80) < 0) missed++;
      });
      if (missed > 0) throw new Error("the chain lost a rule");
      const { value, params } = measurements[0]!;
      const peer = { name: "linear chain", value: perSecond(walked.length, chainMs) };
      const objectsPerSecond = await throughLibrary(size);
      return [...measurements, { params: { ...params, objectsPerSecond }, unit: "packets/s", value, peer }];
    },
  };
}

function measureMix(mix: Mix, size: Size, core: ServiceTableCore, map: JsMap): Measurement {
  const packets = packetsOf(mix, size.count);
  packets.forEach(({ source, destination, sourcePort }, i) => {
    core.putPacket(i, {
      source: [0, 0, 0xffff, source],
      destination: [0, 0, 0xffff, destination],
      port: 80,
      protocol: 6,
      from: "pod",
      sourcePort,
    });
  });
  const coreMs = bestMs(() => core.resolve(packets.length, 0));
  for (let i = 0; i < packets.length; i += 10) checkOutcome(core, packets[i]!, i, size);
  const mapMs = bestMs(() => {
    for (const { source, destination } of packets) map.resolve(source, destination, 80, 0);
  });
  return {
    params: {
      mix: mix.name,
      services: size.count,
      endpoints: size.endpoints,
      packets: packets.length,
      nsPerPacket: round((coreMs / packets.length) * 1e6),
    },
    unit: "packets/s",
    value: perSecond(packets.length, coreMs),
    peer: { name: "JS Map", value: perSecond(packets.length, mapMs) },
  };
}

function perSecond(count: number, ms: number): number {
  return (count / ms) * 1_000;
}

function endpointNumbers(service: number, { endpoints }: Size): number[] {
  return sliceOf(service, endpoints).endpoints!.map((one) => numberOf(one.addresses[0]!));
}

function checkOutcome(core: ServiceTableCore, { service }: DrawnPacket, i: number, size: Size): void {
  const { action, address, port, masquerade } = core.outcome(i);
  const isRight =
    service < 0
      ? action === "pass"
      : action === "dnat" &&
        port === 8080 &&
        !masquerade &&
        endpointNumbers(service, size).includes(address[3]);
  if (!isRight) throw new Error(`service ${service}: the table chose ${action} ${address[3]}:${port}`);
}

/** The same through the library: texts are read, and verdicts made. */
async function throughLibrary(size: Size): Promise<number> {
  const small = { ...size, count: Math.min(size.count, 10_000) };
  const table = await buildServiceTable([...services(small.count, small.endpoints)], FLAGS);
  const random = seededRandom(3);
  const packets = Array.from(
    { length: 10_000 },
    (): Packet => ({
      source: `10.200.0.${random.below(250)}`,
      destination: clusterIpOf(random.below(small.count)),
      port: 80,
      protocol: "TCP",
      from: "pod",
    }),
  );
  return Math.round((packets.length / bestMs(() => table.resolve(packets, 0))) * 1_000);
}

function buildCase(size: Size): Case {
  return {
    name: `build-${size.name}`,
    run: async (): Promise<Measurement> => {
      // First: what is garbage by then would be counted off.
      const memory = await memoryMiB(size);
      const objects = [...services(size.count, size.endpoints)];
      let best = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 5; i++) {
        const before = process.cpuUsage();
        await buildServiceTable(objects, FLAGS);
        const { user, system } = process.cpuUsage(before);
        best = Math.min(best, (user + system) / 1_000);
      }
      const peer = bestMs(() => buildMap(objects));
      return {
        params: { services: size.count, endpoints: size.endpoints, memoryMiB: memory },
        unit: "ms",
        value: best,
        peer: { name: "JS Map", value: peer },
      };
    },
  };
}

/** What a plain Map takes to hold the same, its addresses read and nothing decided. */
function buildMap(objects: readonly (V1Service | V1EndpointSlice)[]): void {
  const map = new JsMap();
  const endpoints = new Map<string, number[]>();
  for (const object of objects)
    if (object.kind === "EndpointSlice")
      endpoints.set(
        `${object.metadata!.namespace}/${object.metadata!.labels!["kubernetes.io/service-name"]}`,
        (object as V1EndpointSlice).endpoints!.map((one) => numberOf(one.addresses[0]!)),
      );
  for (const object of objects) {
    if (object.kind !== "Service") continue;
    const { metadata, spec } = object as V1Service;
    const all = endpoints.get(`${metadata!.namespace}/${metadata!.name}`) ?? [];
    map.add(numberOf(spec!.clusterIP!), 80, { endpoints: all, sticky: spec!.sessionAffinity === "ClientIP" });
  }
}

/** What this process grows by when a table is filled, a thousand Services at a time: model, rows and linear memory. */
async function memoryMiB({ count, endpoints }: Size): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // What was held until now goes in a turn of its own.
  const used = async () => {
    for (let i = 0; i < 3; i++) {
      await new Promise(setImmediate);
      collect();
    }
    // Linear memory is part of what is external.
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = await used();
  const table = await buildServiceTable([], FLAGS);
  let some: (V1Service | V1EndpointSlice)[] = [];
  const flush = () => {
    table.update(some.map((object) => ({ type: "ADDED", object })));
    some = [];
  };
  for (const object of services(count, endpoints)) {
    some.push(object);
    if (some.length === 2_000) flush();
  }
  flush();
  const mib = ((await used()) - before) / 2 ** 20;
  table.resolve([], 0);
  return round(mib);
}

function renderCase(size: Size): Case {
  return {
    name: `render-${size.name}`,
    onlyWhenNamed: size.count > 10_000,
    run: () => {
      const options = proxyOptions(FLAGS, undefined);
      return Promise.all(
        [2, size.endpoints]
          .filter((one, i, all) => all.indexOf(one) === i)
          .map(async (endpoints): Promise<Measurement> => {
            const model = modelOf({ ...size, endpoints } as Size);
            let text = "";
            const render = () => {
              const largeCluster = model.endpointTotal() > LARGE_CLUSTER_ENDPOINTS;
              text = renderIptables({ family: "ipv4", options, largeCluster, rules: model.allRules() }).text;
            };
            const ms = bestMs(render);
            const lines = text.split("\n").length;
            return {
              params: { services: size.count, endpoints, lines, MiB: round(text.length / 2 ** 20) },
              unit: "ms",
              value: ms,
            };
          }),
      );
    },
  };
}

const changeCase: Case = {
  name: "change",
  run: async () => {
    const measurements: Measurement[] = [];
    for (const size of SIZES) {
      const table = await buildServiceTable([...services(size.count, size.endpoints)], FLAGS);
      let round = 1;
      const seen: Packet = {
        source: "10.200.0.1",
        destination: clusterIpOf(1),
        port: 80,
        protocol: "TCP",
        from: "pod",
      };
      const ms = bestMs(() => {
        table.update([{ type: "MODIFIED", object: sliceOf(1, size.endpoints, round++) }]);
        table.resolve([seen], 0);
      });
      measurements.push({
        params: { services: size.count, endpoints: size.endpoints },
        unit: "ms",
        value: ms,
      });
    }
    return measurements;
  },
};

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export const suite: Suite = {
  cases: [...SIZES.map(resolveCase), ...SIZES.map(buildCase), ...SIZES.map(renderCase), changeCase, tcpRelay],
};
