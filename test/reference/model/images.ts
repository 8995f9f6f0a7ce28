import type { Cycle, Place } from "./cycle.ts";

/** Reference model of ImageLocality, written from shared/spec/scheduling.md 3.7. */
const MEGABYTE = 1024n * 1024n;

function fullName(name: string): string {
  return name.lastIndexOf(":") > name.lastIndexOf("/") ? name : `${name}:latest`;
}

export const imageNames = ({ node }: Place): string[] =>
  (node.status?.images ?? []).flatMap((image) => image.names ?? []);

export function imageScore({ pod, places, images }: Cycle, place: Place): number {
  const spec = pod.spec!;
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const wanted = [
    ...containers.map((one) => one.image ?? ""),
    ...(spec.volumes ?? []).filter((one) => one.image).map((one) => one.image!.reference ?? ""),
  ];
  let sum = 0n;
  for (const name of wanted.map(fullName)) {
    if (!imageNames(place).includes(name)) continue;
    const having = places.filter((one) => imageNames(one).includes(name)).length;
    sum += BigInt(Math.trunc(images.get(name)! * (having / places.length)));
  }
  const least = 23n * MEGABYTE;
  const most = 1000n * MEGABYTE * BigInt(containers.length);
  const clamped = sum < least ? least : sum > most ? most : sum;
  return Number((100n * (clamped - least)) / (most - least));
}
