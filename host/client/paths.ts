import type { ObjectReference } from "../apimachinery/object.ts";
import type { ListOptions, WatchOptions, WriteOptions } from "./client.ts";

/** What a URL needs to know of a kind. */
export interface ResourceKind {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** `/apis/apps/v1/namespaces/default/deployments`; without a namespace, the whole cluster's. */
export function collectionPath(kind: ResourceKind, namespace?: string): string {
  const group = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const scope = kind.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${group}${scope}/${kind.plural}`;
}

/** `/api/v1/namespaces/default/pods/web-1/binding` */
export function objectPath(kind: ResourceKind, reference: ObjectReference, subresource?: string): string {
  const path = `${collectionPath(kind, reference.namespace)}/${encodeURIComponent(reference.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

export function listQuery(options: ListOptions): string {
  const { labelSelector, fieldSelector, limit, resourceVersion, resourceVersionMatch } = options;
  return query({
    labelSelector,
    fieldSelector,
    limit,
    continue: options.continue,
    resourceVersion,
    resourceVersionMatch,
  });
}

export function watchQuery(options: WatchOptions): string {
  const { labelSelector, fieldSelector, resourceVersion, timeoutSeconds } = options;
  const allowWatchBookmarks = options.bookmarks ? true : undefined;
  return query({
    watch: true,
    labelSelector,
    fieldSelector,
    resourceVersion,
    allowWatchBookmarks,
    timeoutSeconds,
  });
}

/** @param force  of an apply */
export function writeQuery({ dryRun, fieldManager }: WriteOptions, force?: boolean): string {
  return query({ dryRun: dryRun ? "All" : undefined, fieldManager, force });
}

function query(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const parts = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}
