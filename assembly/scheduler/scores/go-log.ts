/**
 * The natural logarithm as Go computes it on amd64, to the last bit: JavaScript's and Wasm libraries' differ in the last
 * place for some numbers (14 is the first), and a score that is rounded afterwards can show it. The order of the operations
 * is part of the result. Source: FreeBSD's e_log.c, as Go's math.Log.
 *
 * @param x  a normal number > 0
 */
export function goLog(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  // x = fraction * 2^exponent, the fraction in [0.5, 1).
  let exponent = <i32>((bits >>> 52) & 0x7ff) - 1022;
  let fraction = reinterpret<f64>((bits & 0x800fffffffffffff) | (<u64>1022 << 52));
  if (fraction < SQRT2 / 2.0) {
    fraction *= 2.0;
    exponent--;
  }
  const f = fraction - 1.0;
  const k = <f64>exponent;
  const s = f / (2.0 + f);
  const s2 = s * s;
  const s4 = s2 * s2;
  const t1 = s2 * (L1 + s4 * (L3 + s4 * (L5 + s4 * L7)));
  const t2 = s4 * (L2 + s4 * (L4 + s4 * L6));
  const r = t1 + t2;
  const hfsq = 0.5 * f * f;
  return k * LN2_HI - (hfsq - (s * (hfsq + r) + k * LN2_LO) - f);
}

const SQRT2: f64 = 1.4142135623730951;
const LN2_HI: f64 = 6.9314718036912381649e-1;
const LN2_LO: f64 = 1.90821492927058770002e-10;
const L1: f64 = 6.66666666666673513e-1;
const L2: f64 = 3.999999999940941908e-1;
const L3: f64 = 2.857142874366239149e-1;
const L4: f64 = 2.222219843214978396e-1;
const L5: f64 = 1.818357216161805012e-1;
const L6: f64 = 1.531383769920937332e-1;
const L7: f64 = 1.479819860511658591e-1;
