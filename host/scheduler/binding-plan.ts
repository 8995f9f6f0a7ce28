import type { BindingClaim } from "../wasm/scheduler-facts.ts";
import type { Where } from "./node-rules.ts";
import type { KnownVolume } from "./storage-objects.ts";
import type { ClaimToBind } from "./volume-resolution.ts";

/** What the core is told before it is asked about a class with claims to bind. */
export interface BindingPlan {
  readonly claims: readonly BindingClaim[];
  /** Names of claims (`namespace/name`) and volumes behind their numbers. */
  readonly claimNames: readonly string[];
  readonly volumeNames: readonly string[];
}

/** @param ruleOf  the number of a rule, held for as long as the plan is */
export function planBindings(
  toBind: readonly ClaimToBind[],
  ruleOf: (where: Where) => number,
  ensureCandidates: (count: number) => void,
): BindingPlan {
  const numbers = new Map<KnownVolume, number>();
  const numberOf = (volume: KnownVolume) => {
    const number = numbers.get(volume) ?? numbers.size;
    numbers.set(volume, number);
    return number;
  };
  const claims = toBind.map(({ candidates, topology, capacity }): BindingClaim => {
    return {
      candidates: candidates.map((volume) => ({ volume: numberOf(volume), rule: ruleOf(volume.where) })),
      topologyRule: ruleOf(topology),
      capacityRule: ruleOf(capacity),
    };
  });
  ensureCandidates(claims.reduce((sum, { candidates }) => sum + candidates.length, 0));
  return {
    claims,
    claimNames: toBind.map(({ claim }) => claim.key),
    volumeNames: [...numbers.keys()].map(({ name }) => name),
  };
}
