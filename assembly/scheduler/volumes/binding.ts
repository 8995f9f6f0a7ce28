import { getU32, setU32 } from "../../layout/field";
import { Capacity, capacityOf, ruleWords } from "../../layout/tables";
import { bindingClaimRow, candidateRow, chosenRow, openSetRow, ruleHolds, ruleWord } from "../../layout/volume-rows";
import { BindingClaimField, CandidateField, ChosenField, OpenSetField, VolumeRefusal } from "../../layout/volumes";

/**
 * Lets each claim choose, for the nodes of every attribute set, the smallest volume that can be used there and that no claim
 * before it took. Goes over candidates and not over nodes: a local volume belongs to one set, so its row of bits says at
 * once where it is wanted.
 *
 * Source: kube-scheduler VolumeBinding, findMatchingVolumes.
 */
export function chooseVolumes(claims: u32): void {
  const sets = capacityOf(Capacity.attributeSets);
  for (let claim: u32 = 0; claim < claims; claim++) {
    memory.fill(chosenRow(claim, 0), 0, <usize>sets * ChosenField.bytes);
    memory.fill(openSetRow(0), 0xff, <usize>ruleWords() * OpenSetField.bytes);
    const row = bindingClaimRow(claim);
    const first = getU32(row, BindingClaimField.first);
    const end = first + getU32(row, BindingClaimField.candidates);
    for (let candidate = first; candidate < end; candidate++) if (!offer(candidate, claim, sets)) break;
  }
}

/** Gives the candidate to the sets that still want one; false once no set does. */
function offer(candidate: u32, claim: u32, sets: u32): bool {
  const row = candidateRow(candidate);
  const volume = getU32(row, CandidateField.volume) + 1;
  const rule = getU32(row, CandidateField.rule);
  const words = ruleWords();
  let isWanted = false;
  for (let word: u32 = 0; word < words; word++) {
    const open = getU32(openSetRow(word), OpenSetField.bits);
    let left = open;
    for (let bits = open & ruleWord(rule, word); bits != 0; bits &= bits - 1) {
      const set = (word << 5) + ctz<u32>(bits);
      if (set < sets && isTaken(volume, claim, set)) continue;
      if (set < sets) setU32(chosenRow(claim, set), ChosenField.volume, volume);
      left &= ~(1 << (set & 31));
    }
    setU32(openSetRow(word), OpenSetField.bits, left);
    if (left != 0) isWanted = true;
  }
  return isWanted;
}

function isTaken(volume: u32, claim: u32, set: u32): bool {
  for (let other: u32 = 0; other < claim; other++)
    if (getU32(chosenRow(other, set), ChosenField.volume) == volume) return true;
  return false;
}

/**
 * The first claim without a volume for which none can be provisioned there either, as a bit of `VolumeRefusal`; 0 if all
 * are served. Source: kube-scheduler VolumeBinding, checkVolumeProvisions.
 */
export function refuseUnbound(claims: u32, set: u32): u32 {
  for (let claim: u32 = 0; claim < claims; claim++) {
    if (getU32(chosenRow(claim, set), ChosenField.volume) != 0) continue;
    const row = bindingClaimRow(claim);
    if (!ruleHolds(getU32(row, BindingClaimField.topologyRule), set)) return VolumeRefusal.bindConflict;
    if (!ruleHolds(getU32(row, BindingClaimField.capacityRule), set)) return VolumeRefusal.freeStorage;
  }
  return 0;
}
