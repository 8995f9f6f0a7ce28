import { Command, Option } from "commander";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { ProxyFlags } from "../../proxy/table-options.ts";
import { ruleFlags } from "../proxy-flags.ts";

/** As Commander hands them over. */
interface RuleFlags extends Omit<ProxyFlags, "nodeName"> {
  readonly filename: readonly string[];
  readonly node?: string;
  readonly family: "ipv4" | "ipv6";
  readonly proxyMode: "iptables" | "nftables";
}

/** `pintle proxy render`: the rules of the Services and EndpointSlices of files, as a kernel loads them. */
export function renderCommand(): Command {
  const command = new Command("render")
    .description(
      "print the rules of Services and EndpointSlices: the input of iptables-restore --noflush, or of nft -f",
    )
    .requiredOption(
      "-f, --filename <paths...>",
      "manifests: files, or folders with .yaml, .yml and .json files",
    )
    .option("--node <name>", "the node whose rules they are (default: the only Node given)")
    .addOption(
      new Option("--family <family>", "of the addresses, with --proxy-mode iptables")
        .choices(["ipv4", "ipv6"])
        .default("ipv4"),
    )
    .addOption(
      new Option("--proxy-mode <mode>", "the form of the rules")
        .choices(["iptables", "nftables"])
        .default("iptables"),
    );
  for (const flag of ruleFlags()) command.addOption(flag);
  return command.action(render);
}

async function render({ filename, node, family, proxyMode, ...flags }: RuleFlags): Promise<void> {
  // Loaded here: the other commands start without them.
  const [{ readManifests }, { buildServiceTable }] = await Promise.all([
    import("../../simulation/manifests.ts"),
    import("../../proxy/library.ts"),
  ]);
  const { all } = readManifests(filename);
  const objects = all.map(({ object }) => object);
  const table = await buildServiceTable(objects, { ...flags, nodeName: node });
  for (const line of [...withoutAddress(objects), ...table.problems()])
    process.stderr.write(`pintle: ${line}\n`);
  process.stdout.write(proxyMode === "nftables" ? table.renderNftables() : table.renderIptables(family));
}

/** A Service that never went through an API server has no ClusterIP, and so no rules: that is worth a line. */
function withoutAddress(objects: readonly KubernetesObject[]): string[] {
  return objects.flatMap((object) => {
    const { kind, metadata, spec } = object as KubernetesObject & {
      spec?: { clusterIP?: string; type?: string };
    };
    if (kind !== "Service" || spec?.clusterIP || spec?.type === "ExternalName") return [];
    return [
      `Service "${metadata?.namespace}/${metadata?.name}": spec.clusterIP: none is given, so it has no rules`,
    ];
  });
}
