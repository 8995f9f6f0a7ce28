import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { JUMP_RULES, jumpArguments } from "../../host/proxy/jump-rules.ts";
import { buildServiceTable, type ServiceTable } from "../../host/proxy/library.ts";
import { type RenderInput, renderIptables } from "../../host/proxy/render-iptables.ts";
import { ServiceModel } from "../../host/proxy/service-model.ts";
import { FLAGS } from "./both.ts";
import { Generator } from "./generator.ts";
import { hasNamespaces, inNamespace } from "./namespace.ts";
import { expectedSaved, readSaved } from "./normal-form.ts";
import { service, slice, TEST_NODE } from "./shorthand.ts";

/** Debian's own tools take every text, and give back what was meant. */
const FAMILIES = ["ipv4", "ipv6"] as const;
const FRONT_ENDS = ["legacy", "nft"] as const;
const tool = (family: string, frontEnd: string) =>
  `${family === "ipv4" ? "iptables" : "ip6tables"}-${frontEnd}`;
const LOAD = FRONT_ENDS.flatMap((frontEnd) => FAMILIES.map((family) => ({ frontEnd, family })));
const can = hasNamespaces();

/** Many Services with everything on, from a seed. */
async function manyServices(seed: number): Promise<ServiceTable> {
  const generator = new Generator(seededRandom(seed));
  const names = Array.from({ length: 12 }, (_, i) => `svc-${i}`);
  const objects = names.flatMap((name) => [generator.service(name), generator.slice(name, "1")]);
  return buildServiceTable(objects, {
    ...FLAGS,
    ...(seed % 2 === 0 ? generator.flags() : {}),
    nodeName: FLAGS.nodeName,
  });
}

describe.skipIf(!can)("iptables", () => {
  test.each(LOAD)("$frontEnd, $family: what is saved is what was rendered", async ({ frontEnd, family }) => {
    for (const seed of [1, 2, 3, 4]) {
      const text = (await manyServices(seed)).renderIptables(family);
      const name = tool(family, frontEnd);
      const saved = inNamespace(
        `${name}-restore --noflush --counters --test < $DIR/rules; ${name}-restore --noflush --counters < $DIR/rules; ${name}-save`,
        { rules: text },
      );
      expect(readSaved(saved)).toEqual(expectedSaved(text, family));
    }
  });

  test.each(FRONT_ENDS)("%s: the reference's appendix, 62 rules in and 62 out", (frontEnd) => {
    const text = readFileSync(`${import.meta.dirname}/golden/appendix-a.ipv4.txt`, "utf8");
    const name = tool("ipv4", frontEnd);
    const saved = inNamespace(`${name}-restore --noflush --counters < $DIR/rules; ${name}-save`, {
      rules: text,
    });
    expect(readSaved(saved)).toEqual(expectedSaved(text, "ipv4"));
    expect(saved.match(/^-A /gm)).toHaveLength(62);
  });

  test.each(FRONT_ENDS)("%s: probabilities are rounded by the kernel as expected", async (frontEnd) => {
    // 300 endpoints, so that 2 to 300 occur; every text is checked, digit by digit.
    const many = Array.from({ length: 300 }, (_, i) => `10.180.${i >> 8}.${i & 255}`);
    const table = await buildServiceTable(
      [service("ns/big", "172.30.0.1", "p TCP 80"), slice("ns/big", "p TCP 80", many)],
      FLAGS,
    );
    const text = table.renderIptables("ipv4");
    const name = tool("ipv4", frontEnd);
    const saved = inNamespace(`${name}-restore --noflush --counters < $DIR/rules; ${name}-save -t nat`, {
      rules: text,
    });
    expect(readSaved(saved)["nat"]).toEqual(expectedSaved(text, "ipv4")["nat"]);
  });

  test.each(FRONT_ENDS)("%s: after a partial sync there is what a full one would have made", (frontEnd) => {
    const model = new ServiceModel("ipv4", { name: "n", zone: "" }, { allowExternalIps: true });
    const render = (more: Partial<RenderInput>) =>
      renderIptables({
        family: "ipv4",
        options: TEST_NODE,
        largeCluster: false,
        rules: model.allRules(),
        ...more,
      });
    const svc1 = service("ns/svc1", "172.30.0.1", "p TCP 80");
    const svc2 = service("ns/svc2", "172.30.0.2", "p TCP 80 3001", { type: "NodePort" });
    for (const one of [svc1, svc2]) model.putService(one);
    model.putSlice(slice("ns/svc1", "p TCP 80", ["10.180.0.1", "10.180.0.2"]));
    model.putSlice(slice("ns/svc2", "p TCP 80", ["10.180.0.3"]));
    model.takeChanges();
    const full = render({});
    model.putSlice(slice("ns/svc1", "p TCP 80", ["10.180.0.2", "10.180.0.9"]));
    model.removeService(svc2);
    const partial = render({ changed: model.takeChanges().services, existingChains: full.activeChains });
    const name = tool("ipv4", frontEnd);
    const saved = inNamespace(
      `for text in full partial; do ${name}-restore --noflush --counters < $DIR/$text; done; ${name}-save`,
      { full: full.text, partial: partial.text },
    );
    expect(readSaved(saved)).toEqual(expectedSaved(render({}).text, "ipv4"));
    // Alone it names chains that nobody declared.
    const alone = () =>
      inNamespace(`${name}-restore --noflush --counters < $DIR/partial`, {
        partial: render({ changed: new Set() }).text,
      });
    expect(alone).toThrow();
  });

  test.each(FRONT_ENDS)("%s: jump rules end in the order of the reference", (frontEnd) => {
    const name = tool("ipv4", frontEnd);
    const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(" ");
    const ensure = JUMP_RULES.map(
      (jump) =>
        `${name} -w 5 -N ${jump.target} -t ${jump.table} 2>/dev/null || true; ${name} -w 5 -I ${jump.source} -t ${jump.table} ${quoted(jumpArguments(jump))}`,
    );
    const saved = inNamespace(`${ensure.join("\n")}\n${name}-save`, {});
    const order = (chain: string) =>
      [...saved.matchAll(new RegExp(`^-A ${chain} .*-j (\\S+)$`, "gm"))].map((match) =>
        match[1]!.replace("KUBE-", ""),
      );
    expect(["INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"].map(order)).toEqual([
      ["FIREWALL", "PROXY-FIREWALL", "NODEPORTS", "EXTERNAL-SERVICES"],
      ["PROXY-FIREWALL", "FORWARD", "SERVICES", "EXTERNAL-SERVICES"],
      // Of nat first, as it is saved; then of filter.
      expect.arrayContaining(["FIREWALL", "PROXY-FIREWALL", "SERVICES"]),
      ["SERVICES"],
      ["POSTROUTING"],
    ]);
  });
});

describe.skipIf(!can)("nft", () => {
  test("takes the text, twice, and lists the chains and elements it holds", async () => {
    for (const seed of [1, 2, 3]) {
      const text = (await manyServices(seed)).renderNftables();
      const listed = inNamespace(
        "nft -c -f $DIR/rules; nft -f $DIR/rules; nft -f $DIR/rules; nft list ruleset",
        {
          rules: text,
        },
      );
      expect(namesIn(listed)).toEqual(namesIn(text));
      expect(elementsIn(listed)).toEqual(elementsIn(text));
    }
  });
});

/** `ip chain services`, sorted. */
function namesIn(text: string): string[] {
  let family = "";
  const names: string[] = [];
  for (const line of text.split("\n")) {
    family = /^table (ip6?) /.exec(line)?.[1] ?? family;
    const [, kind, name] = /^\t(chain|set|map) (\S+) \{/.exec(line) ?? [];
    if (name !== undefined) names.push(`${family} ${kind} ${name}`);
  }
  return names.sort();
}

/** Every element of every map and set, sorted; the tool prints some ports and protocols by name only when asked to. */
function elementsIn(text: string): string[] {
  const lists = [...text.matchAll(/elements = \{([^}]*)\}/g)].map((match) => match[1]!);
  return lists.flatMap((list) => list.split(",").map((one) => one.trim().replace(/\s+/g, " "))).sort();
}
