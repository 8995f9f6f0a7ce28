import type { Explanation } from "../../scheduler/library.ts";
import { renderTable } from "./table.ts";

type ExplainedNode = Explanation["nodes"][number];

/**
 * The best nodes first, then those refused, in the cluster's order; a score is raw, normalised and weighted:
 *
 *   default/web-0: a is chosen, of 1 feasible node among 2; the pod is on a
 *
 *   NODE   TOTAL   NODERESOURCESFIT
 *   a      75      75 75 75
 *   A score is raw, normalised to 0 to 100, and weighted; TOTAL is the sum of the weighted ones.
 *
 *   NODE   REFUSED BY         REASONS
 *   b      NodeResourcesFit   Insufficient cpu
 *
 * @param nodeName  where the pod is now
 */
export function explanationTable(explanation: Explanation, nodeName: string | undefined): string {
  const { pod, chosen, nodes, preemption } = explanation;
  const feasible = nodes
    .filter(({ total }) => total !== undefined)
    .sort((a, b) => Number(b.node === chosen) - Number(a.node === chosen) || b.total! - a.total!);
  const refused = nodes.filter(({ total }) => total === undefined);
  const choice = chosen === null ? "no node" : chosen;
  const among = `of ${feasible.length} feasible ${feasible.length === 1 ? "node" : "nodes"} among ${nodes.length}`;
  const now = nodeName ? `; the pod is on ${nodeName}` : "";
  const parts = [`${pod}: ${choice} is chosen, ${among}${now}\n`];
  if (feasible.length > 0) parts.push(scoreTable(feasible) + LEGEND);
  if (refused.length > 0)
    parts.push(
      renderTable(
        ["NODE", "REFUSED BY", "REASONS"],
        refused.map((one) => [one.node, one.rejectedBy ?? "", (one.reasons ?? []).join(", ")]),
      ),
    );
  if (preemption !== undefined)
    parts.push(`it would fit on ${preemption.node} without ${preemption.victims.join(", ")}\n`);
  return parts.join("\n");
}

const LEGEND =
  "A score is raw, normalised to 0 to 100, and weighted; TOTAL is the sum of the weighted ones.\n";

function scoreTable(nodes: readonly ExplainedNode[]): string {
  const plugins = Object.keys(nodes[0]!.scores ?? {});
  return renderTable(
    ["NODE", "TOTAL", ...plugins.map((plugin) => plugin.toUpperCase())],
    nodes.map(({ node, total, scores }) => [
      node,
      String(total),
      ...plugins.map((plugin) => {
        const { raw, normalized, weighted } = scores![plugin]!;
        return `${raw} ${normalized} ${weighted}`;
      }),
    ]),
  );
}
