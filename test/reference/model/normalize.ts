/** DefaultNormalizeScore, written from shared/spec/scheduling.md 3. */
export function normalizeDefault(raw: readonly number[], reverse: boolean): number[] {
  const highest = Math.max(...raw);
  return raw.map((one) => {
    if (highest === 0) return reverse ? 100 : one;
    const scaled = Math.floor((100 * one) / highest);
    return reverse ? 100 - scaled : scaled;
  });
}
