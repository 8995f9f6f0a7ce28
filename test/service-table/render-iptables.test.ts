import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { V1EndpointSlice, V1Node, V1Service } from "../../host/api/generated/types.ts";
import { parseAddress, parseRange } from "../../host/proxy/address.ts";
import { ChainWalker } from "../../host/proxy/chain-walker.ts";
import type { ProxyOptions } from "../../host/proxy/proxy-options.ts";
import {
  LARGE_CLUSTER_ENDPOINTS,
  type RenderInput,
  renderIptables,
} from "../../host/proxy/render-iptables.ts";
import { ServiceModel } from "../../host/proxy/service-model.ts";
import { APPENDIX_A } from "./appendix-a.ts";
import { NODE, service, slice, TEST_NODE } from "./shorthand.ts";

type Objects = readonly (V1Service | V1EndpointSlice | V1Node)[];

function modelOf(objects: Objects, family: "ipv4" | "ipv6" = "ipv4"): ServiceModel {
  const model = new ServiceModel(family, { name: NODE, zone: "" }, { allowExternalIps: true });
  put(model, objects);
  return model;
}

function put(model: ServiceModel, objects: Objects): void {
  for (const object of objects)
    if (object.kind === "Service") model.putService(object as V1Service);
    else if (object.kind === "EndpointSlice") model.putSlice(object as V1EndpointSlice);
}

const OFF: ProxyOptions = { ...TEST_NODE, detectLocal: { by: "nothing" } };

function render(model: ServiceModel, more: Partial<RenderInput> = {}) {
  const largeCluster = model.endpointTotal() > LARGE_CLUSTER_ENDPOINTS;
  return renderIptables({
    family: model.family,
    options: TEST_NODE,
    largeCluster,
    rules: model.allRules(),
    ...more,
  });
}

const lines = (text: string, form: RegExp) => text.split("\n").filter((line) => form.test(line));

test("the six Services of the reference give its text, byte for byte", () => {
  const golden = readFileSync(`${import.meta.dirname}/golden/appendix-a.ipv4.txt`, "utf8");
  expect(render(modelOf(APPENDIX_A)).text).toBe(golden);
});

describe("how many rules there are", () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `ns/s${i}`);
  const addresses = (count: number) => Array.from({ length: count }, (_, i) => `10.180.0.${i + 1}`);
  const plain = (count: number, endpoints: number) =>
    names(count).flatMap((name, i) => [
      service(name, `172.30.1.${i}`, "p TCP 80"),
      ...(endpoints === 0 ? [] : [slice(name, "p TCP 80", addresses(endpoints))]),
    ]);
  const balanced = (count: number, endpoints: number) =>
    names(count).flatMap((name, i) => [
      service(
        name,
        `172.30.1.${i}`,
        `p TCP 80 ${3000 + i}`,
        {
          type: "LoadBalancer",
          externalIPs: [`192.168.99.${i}`],
          loadBalancerSourceRanges: ["203.0.113.0/25"],
        },
        [{ ip: `1.2.3.${i}` }],
      ),
      ...(endpoints === 0 ? [] : [slice(name, "p TCP 80", addresses(endpoints))]),
    ]);
  const counted: ProxyOptions = { ...TEST_NODE, nfacct: { invalidDropped: true, localhostNodePorts: true } };
  test.each([
    ["a ClusterIP with 1 endpoint", plain(1, 1), 10, 4],
    ["a ClusterIP with 2 endpoints", plain(1, 2), 13, 4],
    ["a ClusterIP with 10 endpoints", plain(1, 10), 37, 4],
    ["10 ClusterIPs with 10 endpoints", plain(10, 10), 325, 4],
    ["10 ClusterIPs without endpoints", plain(10, 0), 5, 14],
    ["a load balancer with 1 endpoint", balanced(1, 1), 18, 5],
    ["10 load balancers with 10 endpoints", balanced(10, 10), 405, 14],
    ["10 load balancers without endpoints", balanced(10, 0), 5, 44],
  ])("%s: nat %#", (_, objects, nat, filter) => {
    const { ruleCounts, text } = render(modelOf(objects), { options: counted });
    expect(ruleCounts).toEqual({ nat, filter, keptNat: 0 });
    // What a partial sync leaves as it is counts as if it were written.
    const kept = render(modelOf(objects), { options: counted, changed: new Set() }).ruleCounts;
    expect(kept.nat + kept.keptNat).toBe(nat);
    expect(lines(text, /^-A /)).toHaveLength(nat + filter);
  });
});

describe("a partial sync", () => {
  const two = [
    service("ns1/svc1", "172.30.0.41", "p80 TCP 80"),
    slice("ns1/svc1", "p80 TCP 80", ["10.180.0.1"]),
    service("ns2/svc2", "172.30.0.42", "p80 TCP 80"),
  ];
  const endpoint = slice("ns2/svc2", "p80 TCP 80", ["10.180.0.2"]);

  test("says the chains of what changed, and the dispatch of all", () => {
    const model = modelOf(two);
    model.takeChanges();
    put(model, [endpoint]);
    const { services } = model.takeChanges();
    const nat = render(model, { changed: services }).text.split("*nat\n")[1]!;
    expect(lines(nat, /^:/).map((line) => line.slice(1).split(" ")[0])).toEqual([
      "KUBE-SERVICES",
      "KUBE-NODEPORTS",
      "KUBE-POSTROUTING",
      "KUBE-MARK-MASQ",
      "KUBE-SVC-GNZBNJ2PO5MGZ6GT",
      "KUBE-SEP-RS4RBKLTHTF2IUXJ",
    ]);
    expect(lines(nat, /^-A KUBE-SERVICES .* cluster IP/)).toHaveLength(2);
    expect(lines(nat, /^-A KUBE-(SVC|SEP)-/).every((line) => line.includes("ns2/svc2"))).toBe(true);
    expect(lines(nat, /^-A KUBE-(SVC|SEP)-/)).toHaveLength(4);
  });

  test("fails on an empty table: it names chains that it does not declare", () => {
    const walker = new ChainWalker(TEST_NODE.nodeAddresses);
    const text = render(modelOf([...two, endpoint]), { changed: new Set(["ns2/svc2"]) }).text;
    expect(() => walker.load(text)).toThrow(/no such chain/);
  });

  test("after a full one leaves what another full one would", () => {
    const model = modelOf(two);
    model.takeChanges();
    const walker = new ChainWalker(TEST_NODE.nodeAddresses);
    walker.load(render(model).text);
    put(model, [endpoint]);
    walker.load(render(model, { changed: model.takeChanges().services }).text);
    const fresh = new ChainWalker(TEST_NODE.nodeAddresses);
    fresh.load(render(model).text);
    expect(walker.dump()).toEqual(fresh.dump());
  });

  test("of a Service that is gone empties its chains and deletes them before the last rule", () => {
    const model = modelOf([...two, endpoint]);
    const { activeChains } = render(model);
    model.takeChanges();
    model.removeService(two[2] as V1Service);
    const existingChains = [...activeChains, "KUBE-SEP-OFSOMEBODYELSE", "FOREIGN", "KUBE-IPTABLES-HINT"];
    const { text } = render(model, { changed: model.takeChanges().services, existingChains });
    const stale = ["KUBE-SEP-OFSOMEBODYELSE", "KUBE-SEP-RS4RBKLTHTF2IUXJ", "KUBE-SVC-GNZBNJ2PO5MGZ6GT"];
    expect(lines(text, /^:KUBE-S(EP|VC)/)).toEqual(stale.map((name) => `:${name} - [0:0]`));
    expect(lines(text, /^-X|must be the last/)).toEqual([
      ...stale.map((name) => `-X ${name}`),
      expect.stringMatching(/-j KUBE-NODEPORTS$/),
    ]);
  });
});

describe("a large cluster", () => {
  const many = Array.from({ length: LARGE_CLUSTER_ENDPOINTS }, (_, i) => `10.180.${i >> 8}.${i & 255}`);
  const sticky = { sessionAffinity: "ClientIP" };
  const objects = [
    service("ns1/svc1", "172.30.0.41", "p80 TCP 80 3001", { type: "NodePort", ...sticky }),
    slice("ns1/svc1", "p80 TCP 80", many),
    service("ns2/svc2", "172.30.0.42", "p80 TCP 80"),
  ];

  test("begins above 1,000 endpoints, ready or not", () => {
    const model = modelOf(objects);
    expect(render(model).text).toMatch(/-A KUBE-SEP-\S+ -m comment/);
    put(model, [slice("ns2/svc2", "p80 TCP 80", ["10.0.0.1 not-ready"])]);
    expect(render(model).text).not.toMatch(/-A KUBE-SEP-\S+ -m comment/);
  });

  test("has no comments where there are most rules, and keeps the others", () => {
    const model = modelOf([...objects, slice("ns2/svc2", "p80 TCP 80", ["10.0.0.1"])]);
    const { text } = render(model);
    const sep =
      /-A KUBE-SEP-(\S+) -m recent --name KUBE-SEP-\1 --set -m tcp -p tcp -j DNAT --to-destination 10.180.0.0:80\n/;
    expect(text).toMatch(sep);
    expect(lines(text, /^-A KUBE-SVC-XPGD46QRK7WJZT7O/)[1]).toMatch(
      /^-A KUBE-SVC-XPGD46QRK7WJZT7O -m recent --name (\S+) --rcheck --seconds 10800 --reap -j \1$/,
    );
    expect(
      lines(text, /^-A KUBE-SEP-.* -m tcp -p tcp -j DNAT --to-destination 10\.0\.0\.1:80$/),
    ).toHaveLength(1);
    expect(lines(text, /^-A KUBE-(SERVICES|NODEPORTS|EXT-\S+) (?!-j).*--comment/)).toHaveLength(5);
  });
});

describe("node ports", () => {
  const none: Objects = [];
  const last = (family: "ipv4" | "ipv6", more: Partial<ProxyOptions>) =>
    lines(
      render(modelOf(none, family), { options: { ...TEST_NODE, ...more } }).text,
      /must be the last rule/,
    ).map((line) => /chain" (.*) -j KUBE-NODEPORTS$/.exec(line)![1]);
  const ranges = (...texts: string[]) => ({ nodePortAddresses: texts.map((text) => parseRange(text)!) });
  test.each([
    ["unset", "ipv4", {}, ["-m addrtype --dst-type LOCAL"]],
    ["all of a family", "ipv4", ranges("0.0.0.0/0", "192.168.0.0/24"), ["-m addrtype --dst-type LOCAL"]],
    [
      "not localhost",
      "ipv4",
      { localhostNodePorts: false },
      ["-m addrtype --dst-type LOCAL ! -d 127.0.0.0/8"],
    ],
    ["unset", "ipv6", {}, ["-m addrtype --dst-type LOCAL ! -d ::1/128"]],
    [
      "ranges of the other family only",
      "ipv6",
      ranges("192.168.0.0/24"),
      ["-m addrtype --dst-type LOCAL ! -d ::1/128"],
    ],
    ["ranges", "ipv4", ranges("192.168.0.0/16"), ["-d 192.168.0.2", "-d 192.168.1.2", "-d 192.168.99.11"]],
    [
      "ranges with loopback",
      "ipv4",
      ranges("127.0.0.0/8", "192.168.0.2/32"),
      ["-d 192.168.0.2", "-d 127.0.0.1"],
    ],
    [
      "ranges with loopback, not localhost",
      "ipv4",
      { ...ranges("127.0.0.0/8", "192.168.0.2/32"), localhostNodePorts: false },
      ["-d 192.168.0.2"],
    ],
    ["loopback, IPv6", "ipv6", ranges("::1/128", "2001:db8::/64"), ["-d 2001:db8::1"]],
  ] as const)("%s, %s", (_, family, more, wants) => {
    expect(last(family, more)).toEqual(wants);
  });

  test.each([
    ["ipv4", {}, true],
    ["ipv4", { localhostNodePorts: false }, false],
    ["ipv4", ranges("192.168.0.0/24"), false],
    ["ipv4", ranges("127.0.0.0/8"), true],
    ["ipv6", {}, false],
  ] as const)(
    "the guard of 127.0.0.0/8 is there only where localhost is served: %s %#",
    (family, more, wants) => {
      const { text } = render(modelOf(none, family), { options: { ...TEST_NODE, ...more } });
      expect(text.includes(":KUBE-FIREWALL - [0:0]")).toBe(wants);
      expect(text.includes("block incoming localnet connections")).toBe(wants);
    },
  );
});

describe("options", () => {
  const objects = [
    service("ns/s", "172.30.0.1", "p TCP 80 3001", { type: "NodePort", externalTrafficPolicy: "Local" }),
    slice("ns/s", "p TCP 80", [`10.180.0.1 @${NODE}`]),
  ];
  const of = (options: ProxyOptions, form: RegExp) => lines(render(modelOf(objects), { options }).text, form);

  test("without a way to tell local traffic, rules that need it are left out", () => {
    expect(of(OFF, / ! -s 10|pod traffic for/)).toEqual([]);
    expect(of(TEST_NODE, / ! -s 10\.0\.0\.0\/8 |pod traffic for/)).toHaveLength(2);
  });

  test("an interface tells it, or the start of its name", () => {
    const by = (name: string): ProxyOptions => ({ ...OFF, detectLocal: { by: "interface", name } });
    expect(of(by("cbr0"), /--dport 80 ! -i cbr0 -j KUBE-MARK-MASQ$/)).toHaveLength(1);
    expect(
      of(by("veth+"), /pod traffic for ns\/s:p external destinations" -i veth\+ -j KUBE-SVC-/),
    ).toHaveLength(1);
  });

  test("masquerade-all marks every packet of a ClusterIP, and no other", () => {
    expect(
      of({ ...TEST_NODE, masqueradeAll: true }, /-d 172\.30\.0\.1 --dport 80 -j KUBE-MARK-MASQ$/),
    ).toHaveLength(1);
  });

  test("counters are named only where they were created", () => {
    const nfacct = { invalidDropped: true, localhostNodePorts: true };
    expect(of({ ...TEST_NODE, nfacct }, /nfacct/)).toEqual([
      "-A KUBE-FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP",
      expect.stringMatching(
        /^-A KUBE-NODEPORTS -m comment --comment ns\/s:p -m tcp -p tcp -d 127\.0\.0\.0\/8 --dport 3001 -m nfacct --nfacct-name localhost_nps_accepted_pkts -j KUBE-EXT-/,
      ),
    ]);
  });

  test("what older kernels and tools do not have is left out", () => {
    expect(of({ ...TEST_NODE, dropInvalid: false, randomFully: false }, /INVALID|random-fully/)).toEqual([]);
  });

  test("the firewall of a load balancer also serves its own addresses, where the node is in a range", () => {
    const guarded = service(
      "ns/lb",
      "172.30.0.1",
      "p TCP 80",
      { type: "LoadBalancer", loadBalancerSourceRanges: ["192.168.0.7/24", "203.0.113.0/25"] },
      [{ ip: "1.2.3.4" }, { ip: "5.6.7.8", ipMode: "Proxy" }, { hostname: "lb" }],
    );
    const model = modelOf([guarded, slice("ns/lb", "p TCP 80", ["10.180.0.1"])]);
    const sources = (options: ProxyOptions) =>
      lines(render(model, { options }).text, /^-A KUBE-FW-.* -s /).map((line) => / -s (\S+)/.exec(line)![1]);
    expect(sources(TEST_NODE)).toEqual(["192.168.0.0/24", "203.0.113.0/25", "1.2.3.4"]);
    expect(sources({ ...TEST_NODE, nodeIps: [parseAddress("10.1.1.1")!] })).toEqual([
      "192.168.0.0/24",
      "203.0.113.0/25",
    ]);
  });
});

test("the second family of a Service has chains of the same names, and addresses of its own", () => {
  const dual = service("ns1/svc1", "172.30.0.41", "p80 TCP 80", {
    clusterIPs: ["172.30.0.41", "fd00:172:30::41"],
    ipFamilies: ["IPv4", "IPv6"],
    externalIPs: ["FD00::00FF", "192.168.99.33"],
  });
  const six = modelOf(
    [
      dual,
      slice("ns1/svc1", "p80 TCP 80", ["10.180.0.1"]),
      slice("ns1/svc1", "p80 TCP 80", ["fd00:10:180::1"], "2"),
    ],
    "ipv6",
  );
  expect(lines(render(six).text, /^-A KUBE-(SERVICES|S[VE][CP]-\S+) .*svc1/)).toEqual([
    '-A KUBE-SERVICES -m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d fd00:172:30::41 --dport 80 -j KUBE-SVC-XPGD46QRK7WJZT7O',
    '-A KUBE-SERVICES -m comment --comment "ns1/svc1:p80 external IP" -m tcp -p tcp -d fd00::ff --dport 80 -j KUBE-EXT-XPGD46QRK7WJZT7O',
    '-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d fd00:172:30::41 --dport 80 ! -s fd00:10::/32 -j KUBE-MARK-MASQ',
    expect.stringMatching(
      /^-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1\/svc1:p80 -> \[fd00:10:180::1\]:80" -j KUBE-SEP-/,
    ),
    expect.stringMatching(
      /^-A KUBE-SEP-\S+ -m comment --comment ns1\/svc1:p80 -s fd00:10:180::1 -j KUBE-MARK-MASQ$/,
    ),
    expect.stringMatching(/-m tcp -p tcp -j DNAT --to-destination \[fd00:10:180::1\]:80$/),
  ]);
});
