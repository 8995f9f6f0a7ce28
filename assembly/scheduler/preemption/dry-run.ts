import { Filter } from "../../layout/evaluation";
import { getU32, setU32 } from "../../layout/field";
import { TriedPodField } from "../../layout/preemption";
import { savedPortsBytes, savedPortsRows, triedPodRow } from "../../layout/preemption-rows";
import { usedPortsRow } from "../../layout/node-rows";
import { evaluateSlot } from "../evaluate";
import { countNode } from "../topology/prepare";
import { changeShape, ignoresOthers, NOBODY } from "./shape";

/**
 * Asks how a node would judge the class without pods of lower priority, and which of them have to go: all are taken off, and
 * then let back one by one, in the order in which the host lists them, as long as the class still fits. Everything is as
 * before when it returns. `prepareTopology` and `prepareVolumes` have to have been called.
 *
 * @param lower      how many of the tried pods, the first, may have to go; `isVictim` says of each whether it has to
 * @param nominated  how many follow that are nominated to the node
 * @returns the filter that refuses the class even without them; its detail is in the node's evaluation
 *
 * Source: kube-scheduler DefaultPreemption, SelectVictimsOnNode.
 */
export function dryRun(cls: u32, slot: u32, lower: u32, nominated: u32): Filter {
  const strangers = ignoresOthers(cls) ? cls : NOBODY;
  memory.copy(savedPortsRows(0), usedPortsRow(slot), savedPortsBytes());
  change(cls, slot, 0, lower, -1, NOBODY);
  const refusal = refusalWithNominated(cls, slot, lower, nominated, strangers);
  if (refusal != Filter.none) {
    change(cls, slot, 0, lower, 1, NOBODY);
  } else {
    for (let pod: u32 = 0; pod < lower; pod++) {
      change(cls, slot, pod, pod + 1, 1, NOBODY);
      const fits = refusalWithNominated(cls, slot, lower, nominated, strangers) == Filter.none;
      if (!fits) change(cls, slot, pod, pod + 1, -1, NOBODY);
      setU32(triedPodRow(pod), TriedPodField.isVictim, fits ? 0 : 1);
    }
    for (let pod: u32 = 0; pod < lower; pod++)
      if (getU32(triedPodRow(pod), TriedPodField.isVictim) != 0) change(cls, slot, pod, pod + 1, 1, NOBODY);
  }
  memory.copy(usedPortsRow(slot), savedPortsRows(0), savedPortsBytes());
  return refusal;
}

/**
 * The filter that refuses the class on a node to which other pods are nominated: with them there, or else without them. Both
 * are asked, because the class must neither take their room nor count on their company.
 *
 * Source: kube-scheduler, RunFilterPluginsWithNominatedPods.
 */
export function judgeNominated(cls: u32, slot: u32, nominated: u32): Filter {
  return refusalWithNominated(cls, slot, 0, nominated, ignoresOthers(cls) ? cls : NOBODY);
}

/** @param first  where the nominated pods begin among those that are tried */
function refusalWithNominated(cls: u32, slot: u32, first: u32, nominated: u32, strangers: u32): Filter {
  if (nominated > 0) {
    memory.copy(savedPortsRows(1), usedPortsRow(slot), savedPortsBytes());
    change(cls, slot, first, first + nominated, 1, strangers);
    const refusal = evaluateSlot(cls, slot);
    change(cls, slot, first, first + nominated, -1, strangers);
    memory.copy(usedPortsRow(slot), savedPortsRows(1), savedPortsBytes());
    if (refusal != Filter.none) return refusal;
  }
  return evaluateSlot(cls, slot);
}

/** Puts some of the tried pods on the node or takes them off, and the class's sums with them. */
function change(cls: u32, slot: u32, first: u32, end: u32, sign: i32, strangers: u32): void {
  if (first == end) return;
  countNode(cls, slot, -1);
  for (let pod = first; pod < end; pod++)
    changeShape(getU32(triedPodRow(pod), TriedPodField.shape), slot, sign, strangers);
  countNode(cls, slot, 1);
}
