import { Option } from "commander";
import { yes } from "./flags.ts";

/** kube-proxy's flags that rules depend on, under its names. */
export function ruleFlags(): Option[] {
  return [
    new Option("--cluster-cidr <ranges>", "the addresses of pods, separated by commas").argParser(list),
    new Option("--detect-local-mode <mode>", "what recognises packets of pods").choices([
      "ClusterCIDR",
      "NodeCIDR",
      "BridgeInterface",
      "InterfaceNamePrefix",
    ]),
    new Option("--pod-bridge-interface <name>", "of --detect-local-mode BridgeInterface"),
    new Option("--pod-interface-name-prefix <prefix>", "of --detect-local-mode InterfaceNamePrefix"),
    new Option("--masquerade-all", "give every packet to a ClusterIP an address of the node"),
    new Option("--iptables-masquerade-bit <bit>", "of the packet mark, 0 to 31 (default: 14)").argParser(
      Number,
    ),
    new Option(
      "--iptables-localhost-nodeports <yes>",
      "let node ports answer at 127.0.0.1 (default: true)",
    ).argParser(yes),
    new Option(
      "--nodeport-addresses <ranges>",
      "where node ports answer, separated by commas; or primary",
    ).argParser(list),
  ];
}

function list(text: string): string[] {
  return text.split(",").filter((one) => one !== "");
}
