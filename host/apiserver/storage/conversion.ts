import { apiVersionOf, type Kind } from "../../api/kind.ts";
import type { AnyObject, View } from "./view.ts";

/** Objects that a webhook is asked to convert at once. */
const MAX_OBJECTS = 500;

/** Whether only a webhook can make one version of the kind's objects of another. */
export function isConverted({ custom }: Kind): boolean {
  return custom?.conversion !== undefined;
}

/**
 * Makes sure that views can be seen as a kind. Only where a webhook converts between its versions is there anything to do; what was
 * made is kept by the view.
 *
 * @returns undefined when there is nothing to wait for
 */
export function prepare(kind: Kind, views: readonly View[]): Promise<void> | undefined {
  if (!isConverted(kind)) return undefined;
  const missing = views.filter((view) => !view.isKnownAs(kind));
  return missing.length === 0 ? undefined : convertAll(kind, missing);
}

async function convertAll(kind: Kind, views: readonly View[]): Promise<void> {
  const { conversion } = kind.custom!;
  for (const group of sameVersion(views)) {
    for (let from = 0; from < group.length; from += MAX_OBJECTS) {
      const some = group.slice(from, from + MAX_OBJECTS);
      const objects = some.map(({ object }) => object);
      const made = await conversion!.convert(objects, apiVersionOf(kind));
      for (const [index, view] of some.entries()) {
        view.remember(kind, kind.custom!.read(made[index]!) as AnyObject);
      }
    }
  }
}

/** A webhook is asked about objects of one version at a time. */
function sameVersion(views: readonly View[]): View[][] {
  const groups = new Map<string, View[]>();
  for (const view of views) {
    const { apiVersion = "" } = view.object;
    groups.set(apiVersion, [...(groups.get(apiVersion) ?? []), view]);
  }
  return [...groups.values()];
}

/** The object in the version that its kind is stored in. */
export async function storedForm(kind: Kind, object: AnyObject): Promise<AnyObject> {
  const { conversion } = kind.custom ?? {};
  if (conversion === undefined || object.apiVersion === conversion.storedAs) return object;
  const [made] = await conversion.convert([object], conversion.storedAs);
  return made as AnyObject;
}
