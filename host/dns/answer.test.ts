import { describe, expect, test } from "vitest";
import type { V1EndpointSlice, V1Namespace, V1Service } from "../api/generated/types.ts";
import { ObjectCache } from "../client/lister.ts";
import { answerQuestion, RCODE } from "./answer.ts";
import type { DnsRecord } from "./records.ts";
import { ClusterZone } from "./zone.ts";

/**
 * Services are `namespace/name clusterIPs ports`, a port `name:number/protocol`; endpoints are `address hostname words`.
 * Source: shared/spec/service-tables.md, 8.4.
 */
function service(text: string, spec: V1Service["spec"] = {}): V1Service {
  const [key = "", addresses = "", ...ports] = text.split(" ");
  const [namespace, name] = key.split("/");
  const clusterIPs = addresses === "-" ? undefined : addresses.split(",");
  return {
    metadata: { namespace, name },
    spec: {
      clusterIP: clusterIPs?.[0],
      clusterIPs,
      ports: ports.map((port) => {
        const [, portName, number, protocol] = /^(.*):(\d+)\/(\w+)$/.exec(port)!;
        return { ...(portName ? { name: portName } : {}), port: Number(number), protocol };
      }),
      ...spec,
    },
  };
}

function slice(
  service: string,
  suffix: string,
  ports: readonly string[],
  endpoints: readonly string[],
): V1EndpointSlice {
  const [namespace, name] = service.split("/");
  return {
    metadata: {
      namespace,
      name: `${name}-${suffix}`,
      labels: { "kubernetes.io/service-name": name! },
    },
    addressType: endpoints[0]?.includes(":") ? "IPv6" : "IPv4",
    ports: ports.map((port) => {
      const [portName, number, protocol] = port.split(/[:/]/);
      return { name: portName, port: Number(number), protocol };
    }),
    endpoints: endpoints.map((text) => {
      const [address, hostname, ...words] = text.split(" ");
      return {
        addresses: [address!],
        ...(hostname && hostname !== "-" ? { hostname } : {}),
        conditions: { ready: !words.includes("not-ready") },
      };
    }),
  };
}

function cache<T extends object>(objects: readonly T[]): ObjectCache<T & { metadata?: object }> {
  const made = new ObjectCache<T & { metadata?: object }>();
  for (const one of objects) made.set(one);
  return made;
}

const namespaces: V1Namespace[] = ["default", "shop", "kube-system", "empty"].map((name) => ({
  metadata: { name },
}));
const services = [
  service("kube-system/kube-dns 10.96.0.10 dns:53/UDP dns-tcp:53/TCP"),
  service("shop/web 10.96.0.7,fd00:96::7 http:80/TCP metrics:9090/TCP"),
  service("shop/plain 10.96.0.8 :80/TCP"),
  service("shop/db None pg:5432/TCP"),
  service("shop/waits None pg:5432/TCP"),
  service("shop/both None http:80/TCP"),
  service("shop/outside -", { type: "ExternalName", externalName: "www.example.com" }),
  service("shop/alias -", { type: "ExternalName", externalName: "Web.shop.svc.cluster.local." }),
  service("shop/broken -", { type: "ExternalName", externalName: "none.shop.svc.cluster.local" }),
  service("shop/loop -", { type: "ExternalName", externalName: "loop.shop.svc.cluster.local" }),
];
const slices = [
  slice(
    "shop/db",
    "1",
    ["pg:5432/TCP"],
    ["10.128.0.4 db-0", "10.128.1.5 db-1", "10.128.2.6 db-2 not-ready", "10.128.2.7"],
  ),
  slice("shop/waits", "1", ["pg:5432/TCP"], ["10.128.0.9 waits-0 not-ready"]),
  slice("shop/both", "4", ["http:8080/TCP"], ["10.128.0.11 a", "10.128.0.12 b"]),
  // One endpoint is in two slices for a moment, and has a twin of the other family.
  slice("shop/both", "5", ["http:8080/TCP"], ["10.128.0.11 a"]),
  slice("shop/both", "6", ["http:8080/TCP"], ["fd00:128::b a"]),
  slice("shop/web", "1", ["http:8080/TCP"], ["10.128.0.20 web-0", "10.128.0.21"]),
];
const zone = new ClusterZone("cluster.local", {
  services: cache(services),
  slices: cache(slices),
  namespaces: cache(namespaces),
});

function inWords(record: DnsRecord): string {
  if (record.type === "SOA") return `SOA ${record.data.mname}`;
  if (record.type !== "SRV") return `${record.type} ${record.data}`;
  const { priority, weight, port, target } = record.data;
  return `SRV ${priority} ${weight} ${port} ${target}`;
}

/** `NOERROR A 10.96.0.7 | + A …`, the name only where it is not the one that was asked; `NODATA`, `NXDOMAIN`. */
function ask(name: string, type: string): string {
  const { rcode, answers, authorities, additionals } = answerQuestion(zone, { name, type, class: "IN" });
  const words = (some: typeof answers) =>
    some.map((one) => `${one.name === name ? "" : `${one.name} `}${inWords(one.record)}`).sort();
  const said = [...words(answers), ...words(additionals).map((text) => `+ ${text}`)].join(" | ");
  const soa = authorities.map(({ name: owner }) => `SOA of ${owner}`).join();
  if (rcode === RCODE.noSuchName) return ["NXDOMAIN", said, soa].filter(Boolean).join(" ");
  if (rcode === RCODE.refused) return "REFUSED";
  if (rcode === RCODE.serverFailure) return "SERVFAIL";
  return soa === "" ? said : ["NODATA", said, soa].filter(Boolean).join(" ");
}

const NODATA = "NODATA SOA of cluster.local";
const NXDOMAIN = "NXDOMAIN SOA of cluster.local";

describe("Services with an address", () => {
  test.each([
    ["web.shop.svc.cluster.local", "A", "A 10.96.0.7"],
    ["web.shop.svc.cluster.local", "AAAA", "AAAA fd00:96::7"],
    ["plain.shop.svc.cluster.local", "AAAA", NODATA],
    ["plain.shop.svc.cluster.local", "SRV", NODATA],
    ["web.shop.svc.cluster.local", "ANY", "A 10.96.0.7 | AAAA fd00:96::7"],
    [
      "_http._tcp.web.shop.svc.cluster.local",
      "SRV",
      "SRV 0 100 80 web.shop.svc.cluster.local | + web.shop.svc.cluster.local A 10.96.0.7 | + web.shop.svc.cluster.local AAAA fd00:96::7",
    ],
    ["_http._tcp.web.shop.svc.cluster.local", "A", NODATA],
    ["_http._udp.web.shop.svc.cluster.local", "SRV", NXDOMAIN],
    ["_tcp.web.shop.svc.cluster.local", "SRV", NODATA],
    ["_udp.web.shop.svc.cluster.local", "SRV", NXDOMAIN],
    // A port without a name has none.
    ["_._tcp.plain.shop.svc.cluster.local", "SRV", NXDOMAIN],
    ["_tcp.plain.shop.svc.cluster.local", "SRV", NXDOMAIN],
    ["7.0.96.10.in-addr.arpa", "PTR", "PTR web.shop.svc.cluster.local"],
    ["0.6.9.0.0.0.0.0.d.f.ip6.arpa", "PTR", "NODATA SOA of ip6.arpa"],
    // An endpoint is found by its hostname; whoever has none, only below a headless Service.
    ["web-0.web.shop.svc.cluster.local", "A", "A 10.128.0.20"],
    ["20.0.128.10.in-addr.arpa", "PTR", "NXDOMAIN SOA of in-addr.arpa"],
  ])("%s %s: %s", (name, type, wants) => expect(ask(name, type)).toBe(wants));

  test("an IPv6 address, by its 32 nibbles", () => {
    const nibbles = "fd000096000000000000000000000007".split("").reverse().join(".");
    expect(ask(`${nibbles}.ip6.arpa`, "PTR")).toBe("PTR web.shop.svc.cluster.local");
  });
});

describe("headless Services", () => {
  test.each([
    ["db.shop.svc.cluster.local", "A", "A 10.128.0.4 | A 10.128.1.5 | A 10.128.2.7"],
    ["db.shop.svc.cluster.local", "AAAA", NODATA],
    ["db-0.db.shop.svc.cluster.local", "A", "A 10.128.0.4"],
    ["db-2.db.shop.svc.cluster.local", "A", NXDOMAIN],
    ["10-128-2-7.db.shop.svc.cluster.local", "A", "A 10.128.2.7"],
    ["waits.shop.svc.cluster.local", "A", NXDOMAIN],
    ["_pg._tcp.waits.shop.svc.cluster.local", "SRV", NXDOMAIN],
    ["both.shop.svc.cluster.local", "A", "A 10.128.0.11 | A 10.128.0.12"],
    ["both.shop.svc.cluster.local", "AAAA", "AAAA fd00:128::b"],
    ["a.both.shop.svc.cluster.local", "ANY", "A 10.128.0.11 | AAAA fd00:128::b"],
    ["4.0.128.10.in-addr.arpa", "PTR", "PTR db-0.db.shop.svc.cluster.local"],
    ["7.2.128.10.in-addr.arpa", "PTR", "PTR 10-128-2-7.db.shop.svc.cluster.local"],
    ["6.2.128.10.in-addr.arpa", "PTR", "NXDOMAIN SOA of in-addr.arpa"],
  ])("%s %s: %s", (name, type, wants) => expect(ask(name, type)).toBe(wants));

  test("SRV has the endpoints' port, each target once", () => {
    const [a, b] = ["a", "b"].map((one) => `${one}.both.shop.svc.cluster.local`);
    expect(ask("_http._tcp.both.shop.svc.cluster.local", "SRV")).toBe(
      [
        `SRV 0 50 8080 ${a}`,
        `SRV 0 50 8080 ${b}`,
        `+ ${a} A 10.128.0.11`,
        `+ ${a} AAAA fd00:128::b`,
        `+ ${b} A 10.128.0.12`,
      ].join(" | "),
    );
  });
});

describe("names of elsewhere", () => {
  test.each([
    ["outside.shop.svc.cluster.local", "A", "CNAME www.example.com"],
    ["outside.shop.svc.cluster.local", "AAAA", "CNAME www.example.com"],
    ["outside.shop.svc.cluster.local", "CNAME", "CNAME www.example.com"],
    [
      "alias.shop.svc.cluster.local",
      "A",
      "CNAME web.shop.svc.cluster.local | web.shop.svc.cluster.local A 10.96.0.7",
    ],
    ["alias.shop.svc.cluster.local", "TXT", `NODATA CNAME web.shop.svc.cluster.local SOA of cluster.local`],
    ["broken.shop.svc.cluster.local", "A", "NXDOMAIN CNAME none.shop.svc.cluster.local SOA of cluster.local"],
    ["loop.shop.svc.cluster.local", "A", "SERVFAIL"],
    ["www.example.com", "A", "REFUSED"],
    ["local", "A", "REFUSED"],
    ["mycluster.local", "A", "REFUSED"],
    ["", "NS", "REFUSED"],
    ["arpa", "PTR", "REFUSED"],
    ["cluster.local", "AXFR", "REFUSED"],
  ])("%s %s: %s", (name, type, wants) => expect(ask(name, type)).toBe(wants));

  test("other classes", () => {
    const question = { name: "web.shop.svc.cluster.local", type: "A", class: "CH" };
    expect(answerQuestion(zone, question).rcode).toBe(RCODE.refused);
  });
});

describe("the zone itself, and pods", () => {
  test.each([
    ["cluster.local", "SOA", "SOA ns.dns.cluster.local"],
    ["cluster.local", "NS", "NS ns.dns.cluster.local | + ns.dns.cluster.local A 10.96.0.10"],
    ["cluster.local", "A", NODATA],
    ["dns-version.cluster.local", "TXT", "TXT 1.1.0"],
    ["dns-version.cluster.local", "A", NODATA],
    ["svc.cluster.local", "A", NODATA],
    ["shop.svc.cluster.local", "A", NODATA],
    ["empty.svc.cluster.local", "A", NODATA],
    ["gone.svc.cluster.local", "A", NXDOMAIN],
    ["none.shop.svc.cluster.local", "A", NXDOMAIN],
    ["web.gone.svc.cluster.local", "A", NXDOMAIN],
    ["else.cluster.local", "A", NXDOMAIN],
    ["x.y.z.web.shop.svc.cluster.local", "A", NXDOMAIN],
    ["10-128-0-9.shop.pod.cluster.local", "A", "A 10.128.0.9"],
    ["fd00-128--9.shop.pod.cluster.local", "AAAA", "AAAA fd00:128::9"],
    ["10-128-0-9.shop.pod.cluster.local", "AAAA", NODATA],
    ["10-128-0-9.gone.pod.cluster.local", "A", NXDOMAIN],
    ["10-128-0-999.shop.pod.cluster.local", "A", NXDOMAIN],
    ["web.shop.pod.cluster.local", "A", NXDOMAIN],
    ["pod.cluster.local", "A", NODATA],
    // Upper and lower case are the same, and the answer has the asker's.
    ["WeB.sHoP.SVC.Cluster.LOCAL", "A", "A 10.96.0.7"],
  ])("%s %s: %s", (name, type, wants) => expect(ask(name, type)).toBe(wants));
});
