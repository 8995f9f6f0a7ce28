import type { Kind } from "../../api/kind.ts";
import type { Api } from "../api.ts";
import { storagePrefix } from "../storage/keys.ts";
import type { AnyObject } from "../storage/view.ts";

export interface FollowSink {
  /** The object is there, new or changed; `previous` is what it was. */
  put(object: AnyObject, previous: AnyObject | undefined): void;
  remove(previous: AnyObject): void;
  /** The store ends the watch: what was learnt gets stale from here on. */
  ended(): void;
}

/**
 * All objects of a kind, now and from now on, straight from the store: a write is told of before its promise resolves,
 * so a decision made after an answered write has seen it.
 */
export async function follow(api: Pick<Api, "objects">, kind: Kind, sink: FollowSink): Promise<() => void> {
  const { store, views } = api.objects;
  const prefix = storagePrefix(kind);
  const { entries, revision } = await store.range(prefix);
  for (const entry of entries) sink.put(views.of(entry).object, undefined);
  const handle = store.watch(prefix, revision, {
    onEvents: (events) => {
      for (const { entry, previous } of events) {
        const old = previous && views.of(previous).object;
        if (entry !== undefined) sink.put(views.of(entry).object, old);
        else if (old !== undefined) sink.remove(old);
      }
    },
    onEnd: () => sink.ended(),
  });
  return () => handle.cancel();
}
