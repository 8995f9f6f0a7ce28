import type { V1EndpointSlice, V1Service } from "../../host/api/generated/types.ts";
import type { ServiceTableOptions } from "../../host/proxy/library.ts";
import { NODE, service, slice } from "./shorthand.ts";

/**
 * kube-proxy's packet-flow cases. Numbers are the rows of shared/spec/service-tables.md, 4.5; `two` stands for either
 * endpoint.
 */
type Objects = readonly (V1Service | V1EndpointSlice)[];
export type Case = readonly [row: string, packet: string, wants: string];

/** Rows about the same Services, and the flags of the proxy that differ from those of the reference's node. */
export interface PacketCases {
  readonly title: string;
  readonly objects: Objects;
  readonly rows: readonly Case[];
  readonly flags: ServiceTableOptions;
}

export const PACKET_CASES: PacketCases[] = [];

function cases(title: string, objects: Objects, rows: readonly Case[], flags: ServiceTableOptions = {}) {
  PACKET_CASES.push({ title, objects, rows, flags });
}

export const LB = { type: "LoadBalancer" };
export const LB_LOCAL = { ...LB, externalTrafficPolicy: "Local", healthCheckNodePort: 30000 };
export const endpoints = (n: number) => [`10.180.0.${n} @${NODE}`, `10.180.1.${n} @other`];
const policies: Objects = [
  service("ns/svc1", "172.30.0.41", "p80 TCP 80 3001", LB, [{ ip: "1.2.3.4" }]),
  slice("ns/svc1", "p80 TCP 80", endpoints(1)),
  service("ns/svc2", "172.30.0.42", "p80 TCP 80 3002", LB_LOCAL, [{ ip: "5.6.7.8" }]),
  slice("ns/svc2", "p80 TCP 80", endpoints(2)),
  service("ns/svc3", "172.30.0.43", "p80 TCP 80 3003", { ...LB, internalTrafficPolicy: "Local" }, [
    { ip: "9.10.11.12" },
  ]),
  slice("ns/svc3", "p80 TCP 80", endpoints(3)),
];

const POD = "10.0.0.2";
const HOST = "192.168.0.2";
const LOCALHOST = "127.0.0.1";
export const EXT = "203.0.113.2";
const two = (n: number, masq = "") => `10.180.0.${n}:80${masq} | 10.180.1.${n}:80${masq}`;
const one = (n: number, masq = "") => `10.180.0.${n}:80${masq}`;
const M = " masq";

cases("traffic policies", policies, [
  ["1", `${POD} > 172.30.0.41:80`, two(1)],
  ["2", `${POD} > 192.168.0.2:3001`, two(1, M)],
  ["3", `${POD} > 1.2.3.4:80`, two(1, M)],
  ["4", `${HOST} > 172.30.0.41:80`, two(1, M)],
  ["5", `${HOST} > 192.168.0.2:3001`, two(1, M)],
  ["6", `${LOCALHOST} > 127.0.0.1:3001`, two(1, M)],
  ["7", `${HOST} > 1.2.3.4:80`, two(1, M)],
  ["8", `${EXT} > 172.30.0.41:80`, two(1, M)],
  ["9", `${EXT} > 192.168.0.2:3001`, two(1, M)],
  ["10", `${EXT} > 1.2.3.4:80`, two(1, M)],
  ["11", `${POD} > 172.30.0.42:80`, two(2)],
  ["12", `${POD} > 192.168.0.2:3002`, two(2)],
  ["13", `${POD} > 5.6.7.8:80`, two(2)],
  ["14", `${HOST} > 172.30.0.42:80`, two(2, M)],
  ["15", `${HOST} > 192.168.0.2:3002`, two(2, M)],
  ["16", `${LOCALHOST} > 127.0.0.1:3002`, two(2, M)],
  ["17", `${HOST} > 5.6.7.8:80`, two(2, M)],
  ["18", `${EXT} > 172.30.0.42:80`, two(2, M)],
  ["19", `${EXT} > 192.168.0.2:3002`, one(2)],
  ["20", `${EXT} > 5.6.7.8:80`, one(2)],
  ["21", `${POD} > 172.30.0.43:80`, one(3)],
  ["22", `${POD} > 192.168.0.2:3003`, two(3, M)],
  ["23", `${POD} > 9.10.11.12:80`, two(3, M)],
  ["24", `${HOST} > 172.30.0.43:80`, one(3, M)],
  ["25", `${HOST} > 192.168.0.2:3003`, two(3, M)],
  ["26", `${LOCALHOST} > 127.0.0.1:3003`, two(3, M)],
  ["27", `${HOST} > 9.10.11.12:80`, two(3, M)],
  ["28", `${EXT} > 172.30.0.43:80`, one(3, M)],
  ["29", `${EXT} > 192.168.0.2:3003`, two(3, M)],
  ["30", `${EXT} > 9.10.11.12:80`, two(3, M)],
]);

cases(
  "no way to tell local traffic",
  policies,
  [
    ["1", `${POD} > 172.30.0.41:80`, two(1)],
    ["4", `${HOST} > 172.30.0.41:80`, two(1)],
    ["8", `${EXT} > 172.30.0.41:80`, two(1)],
    ["12", `${POD} > 192.168.0.2:3002`, one(2)],
    ["13", `${POD} > 5.6.7.8:80`, one(2)],
    ["14", `${HOST} > 172.30.0.42:80`, two(2)],
    ["18", `${EXT} > 172.30.0.42:80`, two(2)],
    ["24", `${HOST} > 172.30.0.43:80`, one(3)],
    ["28", `${EXT} > 172.30.0.43:80`, one(3)],
  ],
  { clusterCidr: [] },
);

cases(
  "masquerade all",
  policies,
  [
    ["1", `${POD} > 172.30.0.41:80`, two(1, M)],
    ["11", `${POD} > 172.30.0.42:80`, two(2, M)],
    ["12", `${POD} > 192.168.0.2:3002`, two(2)],
    ["21", `${POD} > 172.30.0.43:80`, one(3, M)],
  ],
  { masqueradeAll: true },
);

cases(
  "masquerade all, and no way to tell local traffic",
  policies,
  [
    ["1", `${POD} > 172.30.0.41:80`, two(1, M)],
    ["11", `${POD} > 172.30.0.42:80`, two(2, M)],
    ["12", `${POD} > 192.168.0.2:3002`, one(2)],
    ["13", `${POD} > 5.6.7.8:80`, one(2)],
    ["21", `${POD} > 172.30.0.43:80`, one(3, M)],
  ],
  { masqueradeAll: true, clusterCidr: [] },
);

cases(
  "local traffic by its interface",
  policies,
  [
    ["1", `pod 203.0.113.9 > 172.30.0.41:80`, two(1)],
    ["8", `external 10.0.0.2 > 172.30.0.41:80`, two(1, M)],
    ["12", `pod 203.0.113.9 > 192.168.0.2:3002`, two(2)],
  ],
  { clusterCidr: [], detectLocalMode: "BridgeInterface", podBridgeInterface: "cbr0" },
);

const BLOCKED = "203.0.113.130";
cases(
  "source ranges",
  [
    service(
      "ns/svc1",
      "172.30.0.41",
      "p80 TCP 80 3001",
      { ...LB, loadBalancerSourceRanges: ["192.168.0.0/24", "203.0.113.0/25"] },
      [{ ip: "1.2.3.4" }, { ip: "5.6.7.8" }],
    ),
    slice("ns/svc1", "p80 TCP 80", ["10.180.0.1"]),
  ],
  [
    ["31", `${EXT} > 192.168.0.2:3001`, one(1, M)],
    ["32", `${BLOCKED} > 192.168.0.2:3001`, one(1, M)],
    ["33", `${EXT} > 1.2.3.4:80`, one(1, M)],
    ["33", `${EXT} > 5.6.7.8:80`, one(1, M)],
    ["34", `${BLOCKED} > 1.2.3.4:80`, "drop"],
    ["34", `${BLOCKED} > 5.6.7.8:80`, "drop"],
    ["35", `${POD} > 1.2.3.4:80`, "drop"],
    ["35", `${POD} > 5.6.7.8:80`, "drop"],
    ["36", `${HOST} > 1.2.3.4:80`, one(1, M)],
    ["36", `${HOST} > 5.6.7.8:80`, one(1, M)],
    ["37", "node 1.2.3.4 > 1.2.3.4:80", one(1, M)],
    ["37", "node 5.6.7.8 > 5.6.7.8:80", one(1, M)],
  ],
);

const ports = ["http TCP 80", "https TCP 443", "dns UDP 53", "dns-tcp TCP 53", "dns-sctp SCTP 53"];
const targets = ["http TCP 80", "https TCP 8443", "dns UDP 53", "dns-tcp TCP 5353", "dns-sctp SCTP 53"];
const at = (port: number) => `10.180.0.1:${port} | 10.180.2.1:${port}`;
cases(
  "ports and protocols",
  [
    service("ns/svc1", "172.30.0.41", "p80 TCP 80"),
    slice("ns/svc1", "p80 TCP 80", ["10.180.0.1"]),
    service("ns/svc2", "172.30.0.42", ports),
    slice("ns/svc2", targets, ["10.180.0.1", "10.180.2.1"]),
  ],
  [
    ["38", "10.180.0.2 > 172.30.0.41:80", one(1)],
    ["39", "10.180.0.1 > 172.30.0.41:80", one(1, M)],
    ["40", "10.180.0.2 > 172.30.0.42:443", at(8443)],
    ["41", "10.180.0.2 > 172.30.0.42:53/tcp", at(5353)],
    ["42", "10.180.0.2 > 172.30.0.42:53/udp", at(53)],
    ["43", "10.180.0.2 > 172.30.0.42:53/sctp", at(53)],
    ["44", "10.180.0.2 > 172.30.0.42:80/udp", "pass"],
    ["45", "10.180.0.2 > 172.30.0.41:443", "pass"],
  ],
);

cases(
  "no endpoints",
  [
    service("ns/svc1", "172.30.0.41", "p80 TCP 80 3001", { ...LB, externalIPs: ["192.168.99.11"] }, [
      { ip: "1.2.3.4" },
    ]),
  ],
  [
    ["46", `${POD} > 172.30.0.41:80`, "reject"],
    ["47", `${EXT} > 192.168.99.11:80`, "reject"],
    ["48", `${POD} > 192.168.0.2:3001`, "reject"],
    ["48", `${EXT} > 192.168.0.2:3001`, "reject"],
    ["49", `${POD} > 1.2.3.4:80`, "reject"],
    ["49", `${EXT} > 1.2.3.4:80`, "reject"],
    ["50", `${HOST} > 1.2.3.4:80`, "pass"],
  ],
);

const outside = (policy: string): V1Service =>
  service(
    "ns/svc1",
    "172.30.0.41",
    "p80 TCP 80 3001",
    { ...LB, externalTrafficPolicy: policy, externalIPs: ["192.168.99.11"] },
    [{ ip: "1.2.3.4" }],
  );
const near = slice("ns/svc1", "p80 TCP 80", ["10.180.0.1 @other", `10.180.2.1 @${NODE}`]);
const eitherWay = (masq = "") => `10.180.0.1:80${masq} | 10.180.2.1:80${masq}`;
const WAYS = ["192.168.99.11:80", "1.2.3.4:80", "192.168.0.2:3001"];
cases(
  "external policy Local",
  [outside("Local"), near],
  [
    ["51", `${POD} > 172.30.0.41:80`, eitherWay()],
    ...WAYS.map((way): Case => ["52", `${POD} > ${way}`, eitherWay()]),
    ...WAYS.map((way): Case => ["53", `${EXT} > ${way}`, "10.180.2.1:80"]),
  ],
);
cases(
  "external policy Cluster",
  [outside("Cluster"), near],
  [
    ["51", `${POD} > 172.30.0.41:80`, eitherWay()],
    ...WAYS.map((way): Case => ["52", `${POD} > ${way}`, eitherWay(M)]),
    ...WAYS.map((way): Case => ["53", `${EXT} > ${way}`, eitherWay(M)]),
  ],
);
cases(
  "external policy Local, all endpoints elsewhere",
  [outside("Local"), slice("ns/svc1", "p80 TCP 80", ["10.180.0.1 @other"])],
  [
    ["54", `${EXT} > 1.2.3.4:80`, "drop"],
    ["54", `${EXT} > 192.168.0.2:3001`, "drop"],
    ["55", `${POD} > 1.2.3.4:80`, one(1)],
    ["56", `${HOST} > 1.2.3.4:80`, one(1, M)],
  ],
);

const internal = (policy: string, where: readonly string[]): Objects => [
  service("ns/svc1", "172.30.1.1", "p80 TCP 80", { internalTrafficPolicy: policy }),
  ...(where.length === 0
    ? []
    : [
        slice(
          "ns/svc1",
          "p80 TCP 80",
          where.map((node, i) => `10.0.1.${i + 1} @${node}`),
        ),
      ]),
];
const PACKET = `${POD} > 172.30.1.1:80`;
const of = (...bytes: number[]) => bytes.map((byte) => `10.0.1.${byte}:80`).join(" | ");
cases("internal policy Cluster", internal("Cluster", [NODE, "a", "b"]), [["57", PACKET, of(1, 2, 3)]]);
cases("internal policy Local, one here", internal("Local", [NODE, "a", "b"]), [["58", PACKET, of(1)]]);
cases("internal policy Local, two here", internal("Local", [NODE, NODE, "b"]), [["59", PACKET, of(1, 2)]]);
cases("internal policy Local, none here", internal("Local", ["a", "a", "b"]), [["60", PACKET, "drop"]]);
cases("internal policy Local, none", internal("Local", []), [["61", PACKET, "reject"]]);

const ENDING = "terminating serving";
const terminating = (policy: string, all: readonly string[]): Objects => [
  service("ns/svc1", "172.30.1.1", "p80 TCP 80", { ...LB, externalTrafficPolicy: policy }, [
    { ip: "1.2.3.4" },
  ]),
  slice(
    "ns/svc1",
    "p80 TCP 80",
    all.map((text) => `10.0.1.${text}`),
  ),
];
const LONG = [`1 @${NODE}`, `2 @${NODE}`, `3 ${ENDING} @${NODE}`, `4 terminating @${NODE}`, "5 @other"];
const LAST = [`2 ${ENDING} @${NODE}`, `3 ${ENDING} @${NODE}`, `4 terminating @${NODE}`, "5 @other"];
const ALL_END = [
  `2 ${ENDING} @${NODE}`,
  `3 ${ENDING} @${NODE}`,
  "4 terminating @other",
  `5 ${ENDING} @other`,
];
const FAR_END = [`5 ${ENDING} @other`];
const TWICE = [`5 terminating @${NODE}`, "5 terminating @other"];
const masq = (text: string) =>
  text
    .split(" | ")
    .map((way) => way + M)
    .join(" | ");
for (const [row, all, inside, local, cluster] of [
  ["62", LONG, of(1, 2, 5), of(1, 2), of(1, 2, 5)],
  ["63", LAST, of(5), of(2, 3), of(5)],
  ["64", ALL_END, of(2, 3, 5), of(2, 3), of(2, 3, 5)],
  ["65", FAR_END, of(5), "drop", of(5)],
  ["66", TWICE, "reject", "reject", "reject"],
] as const) {
  const EXTERNAL = `${EXT} > 1.2.3.4:80`;
  cases(`terminating endpoints, policy Local (${row})`, terminating("Local", all), [
    [row, PACKET, inside],
    [row, EXTERNAL, local],
  ]);
  cases(`terminating endpoints, policy Cluster (${row})`, terminating("Cluster", all), [
    [row, PACKET, inside],
    [row, EXTERNAL, cluster === "reject" ? cluster : masq(cluster)],
  ]);
}

const nodePort: Objects = [
  service("ns/svc1", "172.30.0.41", "p80 TCP 80 3001", { type: "NodePort" }),
  slice("ns/svc1", "p80 TCP 80", endpoints(1)),
];
const SIX = "fd00:10:180::1";
const nodePort6: Objects = [
  service("ns/svc1", "fd00:172:30::41", "p80 TCP 80 3001", { type: "NodePort" }),
  slice("ns/svc1", "p80 TCP 80", [SIX, "fd00:10:180::2"]),
];
cases(
  "node ports without localhost",
  nodePort,
  [
    ["67", "127.0.0.1 > 127.0.0.1:3001", "pass"],
    ["69", `${EXT} > 192.168.1.2:3001`, two(1, M)],
  ],
  { iptablesLocalhostNodeports: false },
);
cases(
  "node ports at chosen addresses",
  nodePort,
  [
    ["68", `${EXT} > 192.168.1.2:3001`, "pass"],
    ["68", `${EXT} > 192.168.0.2:3001`, two(1, M)],
    ["68", "127.0.0.1 > 127.0.0.1:3001", "pass"],
  ],
  { nodeportAddresses: ["192.168.0.0/24"] },
);
cases("node ports everywhere", nodePort, [
  ["69", `${EXT} > 192.168.1.2:3001`, two(1, M)],
  ["-", `${EXT} > 127.0.0.1:80`, "drop"],
]);
cases("node ports, IPv6", nodePort6, [
  ["70", "::1 > [::1]:3001", "pass"],
  ["71", "2001:db8:1::9 > [2001:db8::1]:3001", `[${SIX}]:80 masq | [fd00:10:180::2]:80 masq`],
  ["-", "fd00:10::5 > [fd00:172:30::41]:80", `[${SIX}]:80 | [fd00:10:180::2]:80`],
  ["-", `${SIX} > [fd00:172:30::41]:80`, `[${SIX}]:80 masq | [fd00:10:180::2]:80`],
]);
cases("node ports, IPv6, addresses chosen", nodePort6, [["70", "::1 > [::1]:3001", "pass"]], {
  nodeportAddresses: ["::/0"],
});
