import { Command, Option } from "commander";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { ProxyFlags } from "../../proxy/table-options.ts";

/** Flags of kube-proxy that rules depend on, as Commander hands them over. */
interface RuleFlags extends Omit<ProxyFlags, "nodeName"> {
  readonly filename: readonly string[];
  readonly node?: string;
  readonly family: "ipv4" | "ipv6";
  readonly proxyMode: "iptables" | "nftables";
}

/** `pintle proxy …`: what concerns the tables of Services. */
export function proxyCommand(): Command {
  return new Command("proxy")
    .description("the tables of Services: what packets to their addresses become")
    .addCommand(renderCommand());
}

/** `pintle proxy render`: the rules of the Services and EndpointSlices of files, as a kernel loads them. */
function renderCommand(): Command {
  return new Command("render")
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
    )
    .option("--cluster-cidr <ranges>", "the addresses of pods, separated by commas", list)
    .addOption(
      new Option("--detect-local-mode <mode>", "what recognises packets of pods").choices([
        "ClusterCIDR",
        "NodeCIDR",
        "BridgeInterface",
        "InterfaceNamePrefix",
      ]),
    )
    .option("--pod-bridge-interface <name>", "of --detect-local-mode BridgeInterface")
    .option("--pod-interface-name-prefix <prefix>", "of --detect-local-mode InterfaceNamePrefix")
    .option("--masquerade-all", "give every packet to a ClusterIP an address of the node")
    .option("--iptables-masquerade-bit <bit>", "of the packet mark, 0 to 31 (default: 14)", Number)
    .option("--nodeport-addresses <ranges>", "where node ports answer, separated by commas; or primary", list)
    .action(render);
}

function list(text: string): string[] {
  return text.split(",").filter((one) => one !== "");
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
