/** A rule in a chain of the kernel that leads to one of kube-proxy's. */
export interface JumpRule {
  readonly table: "filter" | "nat";
  readonly source: "INPUT" | "FORWARD" | "OUTPUT" | "PREROUTING" | "POSTROUTING";
  /** What stands before the comment. */
  readonly match: readonly string[];
  readonly comment: string | undefined;
  readonly target: string;
}

const NEW = ["-m", "conntrack", "--ctstate", "NEW"];

function jump(
  table: JumpRule["table"],
  source: JumpRule["source"],
  match: readonly string[],
  comment: string | undefined,
  target: string,
): JumpRule {
  return { table, source, match, comment, target };
}

/**
 * What a full sync makes sure of, in this order, each inserted at the top of its chain; a restore text does not hold them.
 * Packets of the node to an address without endpoints are not refused: OUTPUT does not lead to KUBE-EXTERNAL-SERVICES.
 * Source: service-tables 2.2.
 */
export const JUMP_RULES: readonly JumpRule[] = [
  jump("filter", "INPUT", NEW, "kubernetes externally-visible service portals", "KUBE-EXTERNAL-SERVICES"),
  jump("filter", "FORWARD", NEW, "kubernetes externally-visible service portals", "KUBE-EXTERNAL-SERVICES"),
  jump("filter", "INPUT", [], "kubernetes health check service ports", "KUBE-NODEPORTS"),
  jump("filter", "FORWARD", NEW, "kubernetes service portals", "KUBE-SERVICES"),
  jump("filter", "OUTPUT", NEW, "kubernetes service portals", "KUBE-SERVICES"),
  jump("filter", "FORWARD", [], "kubernetes forwarding rules", "KUBE-FORWARD"),
  jump("filter", "INPUT", NEW, "kubernetes load balancer firewall", "KUBE-PROXY-FIREWALL"),
  jump("filter", "OUTPUT", NEW, "kubernetes load balancer firewall", "KUBE-PROXY-FIREWALL"),
  jump("filter", "FORWARD", NEW, "kubernetes load balancer firewall", "KUBE-PROXY-FIREWALL"),
  jump("nat", "OUTPUT", [], "kubernetes service portals", "KUBE-SERVICES"),
  jump("nat", "PREROUTING", [], "kubernetes service portals", "KUBE-SERVICES"),
  jump("nat", "POSTROUTING", [], "kubernetes postrouting rules", "KUBE-POSTROUTING"),
  jump("filter", "INPUT", [], undefined, "KUBE-FIREWALL"),
  jump("filter", "OUTPUT", [], undefined, "KUBE-FIREWALL"),
];

/** The arguments after `-I CHAIN -t TABLE` (or `-C`). */
export function jumpArguments({ match, comment, target }: JumpRule): string[] {
  return [...match, ...(comment === undefined ? [] : ["-m", "comment", "--comment", comment]), "-j", target];
}
