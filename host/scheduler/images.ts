import type { V1Node, V1Pod } from "../api/generated/types.ts";

/** What ImageLocality reads of a pod. */
export interface PodImages {
  /** Of init containers, containers and image volumes, each time one is named. */
  readonly names: readonly string[];
  /** Containers of both kinds; image volumes do not count. */
  readonly containers: number;
}

/** An image that a node has, by one of its names. */
export interface NodeImage {
  readonly name: string;
  readonly sizeBytes: number;
}

/** `nginx` is looked for as `nginx:latest`; nothing else is made equal. Source: ImageLocality, normalizedImageName. */
function normalizedName(name: string): string {
  return name.lastIndexOf(":") <= name.lastIndexOf("/") ? `${name}:latest` : name;
}

export function readPodImages({ spec }: V1Pod): PodImages {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const volumes = (spec?.volumes ?? []).flatMap(({ image }) => (image === undefined ? [] : [image]));
  return {
    names: [
      ...containers.map(({ image = "" }) => image),
      ...volumes.map(({ reference = "" }) => reference),
    ].map(normalizedName),
    containers: containers.length,
  };
}

/** Of a name that occurs twice the first counts. */
export function readNodeImages({ status }: V1Node): NodeImage[] {
  const sizes = new Map<string, number>();
  for (const { names, sizeBytes = 0 } of status?.images ?? [])
    for (const name of names ?? []) if (!sizes.has(name)) sizes.set(name, sizeBytes);
  return [...sizes].map(([name, sizeBytes]) => ({ name, sizeBytes }));
}
