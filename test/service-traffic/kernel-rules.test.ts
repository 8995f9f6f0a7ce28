import { afterEach, describe, expect, test } from "vitest";
import { cleanUp } from "../../host/proxy/kernel/cleanup.ts";
import { IptablesRules } from "../../host/proxy/kernel/iptables-rules.ts";
import { NftablesRules } from "../../host/proxy/kernel/nftables-rules.ts";
import { isServiceChain, renderIptables } from "../../host/proxy/render-iptables.ts";
import type { RuleBackend } from "../../host/proxy/rule-backend.ts";
import { ServiceModels } from "../../host/proxy/service-models.ts";
import { hasPrograms } from "../scenarios/requirements.ts";
import { hasNamespaces } from "../service-table/namespace.ts";
import { expectedSaved, readSaved } from "../service-table/normal-form.ts";
import { NODE, service, slice, TEST_NODE } from "../service-table/shorthand.ts";
import { Kernel } from "./kernel.ts";
import { until } from "./traffic.ts";

/** The rules of a proxy that runs, in a kernel: as root, in a network namespace. */
const can = hasNamespaces() && hasPrograms("conntrack", "nsenter");

let kernel: Kernel;
let rules: RuleBackend | undefined;
afterEach(async () => {
  await rules?.stop();
  rules = undefined;
  await kernel?.stop();
});

function modelsOf(): ServiceModels {
  const models = new ServiceModels(NODE, { allowExternalIps: true });
  put(
    models,
    service("ns/web", "172.30.0.1", "- TCP 80 30080", { type: "NodePort" }),
    slice("ns/web", "- TCP 80", ["10.180.0.1", "10.180.0.2"]),
    service("ns/dns", "172.30.0.10", "- UDP 53"),
    slice("ns/dns", "- UDP 53", ["10.180.0.3", "10.180.0.4"]),
    service("ns/six", "fd00::1", "- TCP 80"),
    slice("ns/six", "- TCP 80", ["fd00:10::1"]),
  );
  return models;
}

function put(models: ServiceModels, ...objects: (ReturnType<typeof service> | ReturnType<typeof slice>)[]) {
  for (const object of objects) models.apply({ type: "MODIFIED", object });
}

function remove(models: ServiceModels, ...objects: ReturnType<typeof service>[]) {
  for (const object of objects) models.apply({ type: "DELETED", object });
}

/** One UDP client of the DNS Service, as conntrack holds it. */
async function client(port: number, endpoint: string, dns = "172.30.0.10"): Promise<void> {
  const there = ["-s", "10.0.0.9", "-d", dns, "--sport", `${port}`, "--dport", "53"];
  const back = ["--reply-src", endpoint, "--reply-dst", "10.0.0.9"];
  const ports = ["--reply-port-src", "53", "--reply-port-dst", `${port}`];
  await kernel.says("conntrack", "-I", "-p", "udp", "-t", "100", ...there, ...back, ...ports);
}

const clients = async () =>
  [...(await kernel.says("conntrack", "-L", "-p", "udp")).matchAll(/sport=(\d{4}) dport=53/g)]
    .map(([, port]) => Number(port))
    .sort();

const start = async (frontEnd: string) => {
  kernel = await Kernel.open(frontEnd);
  rules = await IptablesRules.open(kernel.options());
  return rules;
};
/** Kernel and models say the same, in both families. Chains of other programs, and jumps, aside. */
const expectSynced = async (models: ServiceModels) => {
  for (const family of ["ipv4", "ipv6"] as const) {
    const wanted = expectedSaved(
      renderIptables({
        family,
        options: TEST_NODE,
        largeCluster: false,
        rules: models[family].allRules(),
      }).text,
      family,
    );
    const name = family === "ipv4" ? "iptables-save" : "ip6tables-save";
    const saved = readSaved(await kernel.says(name));
    for (const [table, chains] of Object.entries(wanted)) {
      const ours = Object.entries(saved[table]!).filter(
        ([chain]) => chain in chains || isServiceChain(chain),
      );
      expect(Object.fromEntries(ours)).toEqual(chains);
    }
  }
};

describe.skipIf(!can).each(["legacy", "nft"])("iptables, front end %s", (frontEnd) => {
  test("full, then partial syncs: the kernel has what the models say, and nothing stale", async () => {
    const proxy = await start(frontEnd);
    const models = modelsOf();
    await proxy.sync(models, true);
    await expectSynced(models);
    expect(await kernel.says("iptables-save", "-t", "filter")).toContain("-A FORWARD");
    kernel.ran.length = 0;
    put(models, slice("ns/web", "- TCP 80", ["10.180.0.2", "10.180.0.7"]));
    remove(models, service("ns/dns", "172.30.0.10", "- UDP 53"));
    await proxy.sync(models, false);
    await expectSynced(models);
    // No jump was looked at.
    expect(kernel.ran.some((one) => / -[CIN]$/.test(one))).toBe(false);
    await proxy.sync(models, true);
    await expectSynced(models);
  });

  test("a lock that is held, a failure, and the full sync after it", async () => {
    const proxy = await start(frontEnd);
    const models = modelsOf();
    await proxy.sync(models, true);
    let failures = 2;
    kernel.instead = (name) =>
      name.endsWith("-restore") && failures-- > 0
        ? { code: 4, stdout: "", stderr: "Another app is currently holding the xtables lock" }
        : undefined;
    put(models, slice("ns/web", "- TCP 80", ["10.180.0.7"]));
    await proxy.sync(models, false);
    await expectSynced(models);
    kernel.instead = (name) =>
      name.endsWith("-restore") ? { code: 1, stdout: "", stderr: "line 7 failed" } : undefined;
    put(models, slice("ns/web", "- TCP 80", ["10.180.0.8"]));
    await expect(proxy.sync(models, false)).rejects.toThrow("iptables-restore: line 7 failed");
    kernel.instead = () => undefined;
    await proxy.sync(models, true);
    await expectSynced(models);
    expect(kernel.registry.expose()).toContain(
      'kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total{ip_family="IPv4"} 1',
    );
  });
});

describe.skipIf(!can)("iptables", () => {
  test("somebody flushes everything: it is noticed, and written again", async () => {
    kernel = await Kernel.open("nft");
    let lost = 0;
    rules = await IptablesRules.open(kernel.options({ syncPeriodMs: 50, onLost: () => lost++ }));
    const models = modelsOf();
    await rules.sync(models, true);
    for (const table of ["mangle", "nat", "filter"])
      for (const flag of ["-F", "-X"]) await kernel.says("iptables", flag, "-t", table);
    await until(() => lost > 0);
    await rules.sync(models, false);
    await expectSynced(models);
    expect(await kernel.says("iptables", "-S", "OUTPUT", "-t", "nat")).toContain("-j KUBE-SERVICES");
  });

  test("--cleanup leaves nothing but the kubelet's chain", async () => {
    const proxy = await start("legacy");
    await proxy.sync(modelsOf(), true);
    await cleanUp(kernel.run, kernel.clock);
    const left = (await kernel.says("iptables-save")) + (await kernel.says("ip6tables-save"));
    expect(left.match(/KUBE-(?!FIREWALL)\S+/g)).toBe(null);
    await cleanUp(kernel.run, kernel.clock);
  });
});

describe.skipIf(!can)("UDP clients in conntrack", () => {
  test("are forgotten when their endpoint goes; those of others, and of Services without endpoints, stay", async () => {
    kernel = await Kernel.open();
    rules = await IptablesRules.open(kernel.options());
    const models = modelsOf();
    await rules.sync(models, true);
    await client(1001, "10.180.0.3");
    await client(1002, "10.180.0.4");
    // It came before there were rules.
    await client(1003, "172.30.0.10");
    await client(1004, "10.9.9.9", "172.30.0.99");
    put(models, slice("ns/dns", "- UDP 53", ["10.180.0.4"]));
    await rules.sync(models, false);
    expect(await clients()).toEqual([1002, 1004]);
    put(models, slice("ns/dns", "- UDP 53", []));
    await rules.sync(models, false);
    expect(await clients()).toEqual([1002, 1004]);
    expect(kernel.registry.expose()).toContain(
      'kubeproxy_conntrack_reconciler_deleted_entries_total{ip_family="IPv4"} 2',
    );
  });

  test("stay where the program is missing, with a warning and no failure", async () => {
    kernel = await Kernel.open();
    rules = new NftablesRules(kernel.options());
    kernel.instead = (name) =>
      name === "conntrack" ? { code: -1, stdout: "", stderr: "spawn conntrack ENOENT" } : undefined;
    const models = modelsOf();
    await rules.sync(models, true);
    put(models, slice("ns/dns", "- UDP 53", ["10.180.0.4"]));
    await rules.sync(models, false);
    expect(kernel.warnings).toHaveLength(1);
    expect(kernel.warnings[0]).toContain("conntrack does not work");
  });
});

describe.skipIf(!can)("nftables", () => {
  /** What nft lists, in an order that does not depend on how it came to be. */
  const listed = async (family: string) => {
    const text = await kernel.says("nft", "-s", "list", "table", family, "kube-proxy");
    const blocks = text.split(/\n\t(?=chain|set|map)/).map((block) =>
      block.replace(/elements = \{([^}]*)\}/s, (_, some: string) =>
        some
          .split(",")
          .map((one) => one.trim())
          .sort()
          .join(", "),
      ),
    );
    return blocks.map((block) => block.replace(/\n\t\}[\s}]*$/, "")).sort();
  };

  test("transactions of changes end where a full sync begins", async () => {
    kernel = await Kernel.open();
    const models = modelsOf();
    rules = new NftablesRules(kernel.options());
    await rules.sync(models, true);
    const sticky = service("ns/web", "172.30.0.1", "- TCP 80 30080", {
      type: "LoadBalancer",
      sessionAffinity: "ClientIP",
      externalTrafficPolicy: "Local",
      loadBalancerSourceRanges: ["10.0.0.0/8"],
    });
    const steps: (() => void)[] = [
      () => put(models, slice("ns/web", "- TCP 80", ["10.180.0.2", "10.180.0.7"])),
      () => put(models, sticky),
      () => put(models, service("ns/new", "172.30.0.5", "a TCP 1", { externalIPs: ["192.168.99.22"] })),
      () => put(models, slice("ns/web", "- TCP 80", [`10.180.0.2 @${NODE}`])),
      () => remove(models, service("ns/dns", "172.30.0.10", "- UDP 53"), sticky),
      () => put(models, service("ns/six", "fd00::2", "- TCP 81")),
    ];
    for (const step of steps) {
      step();
      await rules.sync(models, false);
      const incremental = [await listed("ip"), await listed("ip6")];
      const fresh = new NftablesRules(kernel.options());
      await fresh.sync(models, true);
      expect(incremental).toEqual([await listed("ip"), await listed("ip6")]);
    }
  });

  test("what did not change is not touched: the clients of session affinity stay", async () => {
    kernel = await Kernel.open();
    const models = modelsOf();
    put(models, service("ns/web", "172.30.0.1", "- TCP 80", { sessionAffinity: "ClientIP" }));
    rules = new NftablesRules(kernel.options());
    await rules.sync(models, true);
    const sets = await kernel.says("nft", "list", "sets", "ip");
    const affinity = [...sets.matchAll(/set (affinity-\S+)/g)].map(([, name]) => name!);
    expect(affinity).toHaveLength(2);
    await kernel.says("nft", `add element ip kube-proxy ${affinity[0]} { 10.0.0.9 }`);
    put(models, slice("ns/dns", "- UDP 53", ["10.180.0.9"]));
    await rules.sync(models, false);
    expect(await kernel.says("nft", "list", "set", "ip", "kube-proxy", affinity[0]!)).toContain("10.0.0.9");
    kernel.ran.length = 0;
    await rules.sync(models, false);
    expect(kernel.ran.filter((one) => one.startsWith("nft"))).toEqual([]);
  });

  test("after a failure the full sync replaces the table", async () => {
    kernel = await Kernel.open();
    const models = modelsOf();
    rules = new NftablesRules(kernel.options());
    await rules.sync(models, true);
    await kernel.says("nft", "flush", "ruleset");
    put(models, slice("ns/web", "- TCP 80", ["10.180.0.9"]));
    await expect(rules.sync(models, false)).rejects.toThrow("nft: ");
    await rules.sync(models, true);
    expect((await listed("ip")).join("\n")).toContain("10.180.0.9 . 80");
  });
});
