import type { Kind } from "../../api/kind.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { Api } from "../api.ts";
import { storagePrefix } from "../storage/keys.ts";
import type { Attributes } from "./chain.ts";

/** All objects of a kind, of one namespace where it is given; by name. */
export async function allOf<T extends KubernetesObject>(
  api: Pick<Api, "objects">,
  kind: Kind<T>,
  namespace?: string,
): Promise<readonly T[]> {
  const { entries } = await api.objects.store.range(storagePrefix(kind as unknown as Kind, namespace));
  return entries.length === 0
    ? []
    : entries.map((entry) => api.objects.views.of(entry).object as KubernetesObject as T);
}

/** One object; undefined when there is none of that name. */
export async function oneOf<T extends KubernetesObject>(
  api: Pick<Api, "objects">,
  kind: Kind<T>,
  name: string,
  namespace?: string,
): Promise<T | undefined> {
  const found = await api.objects.find(kind as unknown as Kind, {
    name,
    ...(namespace ? { namespace } : {}),
  });
  return found?.object as KubernetesObject as T | undefined;
}

/** Whether a write is of an object of this kind itself, not of one of its subresources. */
export function isOf<T extends KubernetesObject>(
  { kind, subresource }: Pick<Attributes, "kind" | "subresource">,
  wanted: Kind<T>,
): boolean {
  return subresource === undefined && kind.group === wanted.group && kind.plural === wanted.plural;
}

/** The class that is marked as the default: the newest, then the first by name. */
export function defaultClass<T extends KubernetesObject>(
  classes: readonly T[],
  annotations: readonly string[],
): T | undefined {
  return classes
    .filter(({ metadata }) => annotations.some((one) => metadata?.annotations?.[one] === "true"))
    .sort(
      (a, b) =>
        compare(b.metadata?.creationTimestamp, a.metadata?.creationTimestamp) ||
        compare(a.metadata?.name, b.metadata?.name),
    )[0];
}

function compare(a = "", b = ""): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
