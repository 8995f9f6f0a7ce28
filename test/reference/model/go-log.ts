/** Go's math.Log of a whole number, step by step as wasm-core.md 11 says. */
export function logarithm(x: number): number {
  let k = Math.ceil(Math.log2(x));
  while (x / 2 ** k >= 1) k++;
  while (x / 2 ** k < 0.5) k--;
  let f1 = x / 2 ** k;
  if (f1 < Math.SQRT2 / 2) {
    f1 *= 2;
    k--;
  }
  const f = f1 - 1;
  const s = f / (2 + f);
  const s2 = s * s;
  const s4 = s2 * s2;
  const odd = [0.6666666666666735, 0.2857142874366239, 0.1818357216161805, 0.14798198605116586];
  const even = [0.3999999999940942, 0.22222198432149784, 0.15313837699209373];
  const t1 = s2 * (odd[0]! + s4 * (odd[1]! + s4 * (odd[2]! + s4 * odd[3]!)));
  const t2 = s4 * (even[0]! + s4 * (even[1]! + s4 * even[2]!));
  const half = 0.5 * f * f;
  return k * 0.6931471803691238 - (half - (s * (half + (t1 + t2)) + k * 1.9082149292705877e-10) - f);
}
