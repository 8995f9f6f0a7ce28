/** A trivial core: enough to prove the three flavours build, load and agree. */
export function selfTest(): u32 {
  let hash: u32 = 2166136261;
  for (let i: u32 = 0; i < 1000; i++) hash = (hash ^ i) * 16777619;
  return hash;
}
