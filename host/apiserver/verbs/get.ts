import type { Api, Target } from "../api.ts";
import { parseResourceVersion, revisionNotOlderThan } from "../resource-version.ts";
import type { View } from "../storage/view.ts";

/** GET of one object, newest state; a resourceVersion only says how old it may be at most. */
export async function get(api: Api, target: Target, resourceVersion?: string): Promise<View> {
  const asked = parseResourceVersion(resourceVersion);
  // Nearly every GET asks for what is newest, and waits for nothing but the store.
  const revision = asked === undefined ? undefined : await revisionNotOlderThan(api, asked);
  return (await api.objects.get(target.kind, target, revision)).as(target.kind);
}
