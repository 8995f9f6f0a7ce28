import { expect, test } from "vitest";
import { ReferenceScheduler } from "../model/scheduler.ts";
import { ClusterGenerator } from "./cluster.ts";

const SEEDS = 150;

/** Plays what the seeds draw on the reference model alone; returns what was said, and how often. */
function everythingSaid(): Map<string, number> {
  const said = new Map<string, number>();
  const count = (what: string) => said.set(what, (said.get(what) ?? 0) + 1);
  for (let seed = 0; seed < SEEDS; seed++) {
    const generator = new ClusterGenerator(seed);
    const model = new ReferenceScheduler(generator.config);
    for (const step of generator.steps(model)) {
      if ("node" in step) model.putNode(step.node);
      else if ("removeNode" in step) model.removeNode(step.removeNode);
      else if ("object" in step) model.putObject(step.object);
      else if ("removeObject" in step) model.removeObject(step.removeObject);
      else if ("bound" in step) model.addPod(step.bound);
      else if ("removePod" in step) model.removePod(step.removePod);
      else if ("nominate" in step) model.nominate(step.nominate, step.on);
      else {
        const { chosen, nodes } = model.explain(step.place);
        for (const { reasons = [], scores = {} } of nodes) {
          for (const reason of reasons)
            count(reason.replaceAll(/"[^"]*"/g, "X").replaceAll(/(default|prod)\/\S+/g, "X"));
          for (const [name, { normalized }] of Object.entries(scores)) if (normalized > 0) count(name);
        }
        count(chosen === null ? "refused" : "placed");
        if (chosen === null) {
          const { message, nominated, candidates } = model.refuse(step.place);
          for (const text of [
            "preemptionPolicy=Never",
            "terminating pod on the nominated",
            "No preemption victims",
          ])
            if (message.includes(text)) count(text);
          for (const { violations } of candidates) count(violations > 0 ? "budget broken" : "victims");
          if (nominated !== undefined) model.renominate(step.place, nominated);
        } else model.assume(step.place, model.node(chosen));
      }
    }
  }
  return said;
}

/** The rare ones are left to the soak. */
const WANTED = [
  "placed",
  "refused",
  "TaintToleration",
  "NodeAffinity",
  "NodeResourcesFit",
  "PodTopologySpread",
  "InterPodAffinity",
  "NodeResourcesBalancedAllocation",
  "ImageLocality",
  "node(s) were unschedulable",
  "node(s) didn't match the requested node name",
  "node(s) had untolerated taint(s)",
  "node(s) didn't match Pod's node affinity/selector",
  "node(s) didn't match scheduler-enforced node affinity",
  "node(s) didn't satisfy plugin(s) [NodeAffinity]",
  "node(s) didn't have free ports for the requested pod ports",
  "Too many pods",
  "Insufficient cpu",
  "Insufficient memory",
  "Insufficient ephemeral-storage",
  "Insufficient example.com/gpu",
  "Insufficient hugepages-2Mi",
  "node(s) had no available disk",
  "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
  "node(s) exceed max volume count",
  "pod has unbound immediate PersistentVolumeClaims",
  "node(s) didn't match PersistentVolume's node affinity",
  "node(s) didn't find available persistent volumes to bind",
  "node(s) did not have enough free storage",
  "node(s) had no available volume zone",
  "node(s) didn't match pod topology spread constraints",
  "node(s) didn't match pod topology spread constraints (missing required label)",
  "node(s) didn't match pod affinity rules",
  "node(s) didn't match pod anti-affinity rules",
  "node(s) didn't satisfy existing pods anti-affinity rules",
  "resource claim X is in the process of being allocated",
  "resourceclaim not available on the node",
  "cannot allocate all claims",
  "node(s) didn't match Pod's required features",
  "No preemption victims",
  "preemptionPolicy=Never",
  "terminating pod on the nominated",
  "victims",
  "budget broken",
];

test("what is drawn makes every score and nearly every reason speak", () => {
  const said = everythingSaid();
  expect(WANTED.filter((one) => (said.get(one) ?? 0) < 3)).toEqual([]);
});
