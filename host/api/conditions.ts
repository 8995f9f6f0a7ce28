/** What conditions of all kinds have in common. */
export interface Condition {
  type: string;
  status: string;
  lastTransitionTime?: string;
}

export function findCondition<C extends Condition>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((one) => one.type === type);
}

/**
 * The list with `wanted` in the place of the condition of its type, or at the end. It keeps the time of its last
 * transition while its status stays (meta.SetStatusCondition, podutil.UpdatePodCondition).
 *
 * @param now  as `formatTime` writes it
 */
export function withCondition<C extends Condition>(
  conditions: readonly C[] | undefined = [],
  wanted: C,
  now: string,
): C[] {
  const known = findCondition(conditions, wanted.type);
  const lastTransitionTime = known?.status === wanted.status ? (known.lastTransitionTime ?? now) : now;
  const next = { ...wanted, lastTransitionTime };
  return known === undefined ? [...conditions, next] : conditions.map((one) => (one === known ? next : one));
}
