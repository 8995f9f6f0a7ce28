import { ApiError, badRequest } from "../../apimachinery/errors.ts";
import { CompactedError, type Entry, FutureRevisionError, type Range } from "../../store/store.ts";
import type { Api } from "../api.ts";
import { type ContinueToken, decodeContinue, encodeContinue, expiredContinue } from "../continue-token.ts";
import {
  parseResourceVersion,
  type RevisionOptions,
  validateRevisionOptions,
  waitForRevision,
} from "../resource-version.ts";
import type { Selection } from "../selection.ts";
import type { View } from "../storage/view.ts";

export interface ListRequest extends RevisionOptions {
  readonly limit?: number;
}

export interface ListResult {
  readonly views: readonly View[];
  readonly revision: number;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** With a selector a page may need several reads; each takes at most this many keys. */
const SCAN_STEP = 1000;

/** GET of a collection: a consistent snapshot, in pages when asked. Source: api-wire 10, 11. */
export async function list(api: Api, selection: Selection, request: ListRequest): Promise<ListResult> {
  validateRevisionOptions(request, false);
  const token = request.continue ? decodeContinue(request.continue) : undefined;
  if (token && request.resourceVersion && request.resourceVersion !== "0") {
    throw badRequest("specifying resource version is not allowed when using continue");
  }
  const wanted = parseResourceVersion(request.resourceVersion);
  if (wanted !== undefined) await waitForRevision(api, wanted);
  // Kubernetes answers "any cached state" (resourceVersion 0) whole, whatever the limit.
  const limit = wanted === 0 || !request.limit || request.limit < 0 ? undefined : request.limit;
  const exact = request.resourceVersionMatch === "Exact" ? wanted : undefined;
  const page = await readPage(api, selection, limit, token, exact);
  if (!page.more) return { views: page.views, revision: page.revision };
  const after = page.lastKey.slice(selection.prefix.length);
  return {
    views: page.views,
    revision: page.revision,
    continue: encodeContinue({ revision: page.revision, after }),
    ...(selection.matches === undefined ? { remainingItemCount: page.remaining } : {}),
  };
}

interface Page {
  readonly views: readonly View[];
  readonly revision: number;
  readonly more: boolean;
  readonly lastKey: string;
  readonly remaining: number;
}

async function readPage(
  api: Api,
  selection: Selection,
  limit: number | undefined,
  token: ContinueToken | undefined,
  exact: number | undefined,
): Promise<Page> {
  let revision = token && token.revision > 0 ? token.revision : exact;
  let after = token && selection.prefix + token.after;
  const found: { view: View; key: string }[] = [];
  for (;;) {
    const step = limit === undefined ? undefined : selection.matches ? Math.max(limit, SCAN_STEP) : limit;
    const range = await readRange(api, selection.prefix, { revision, after, limit: step }, token);
    revision = range.revision;
    for (const [index, entry] of range.entries.entries()) {
      const view = accept(api, selection, entry);
      if (view === undefined) continue;
      if (limit !== undefined && found.length === limit) {
        return finish(found, revision, true, range.remaining + range.entries.length - index);
      }
      found.push({ view, key: entry.key });
    }
    if (range.remaining === 0) return finish(found, revision, false, 0);
    if (limit !== undefined && selection.matches === undefined) {
      return finish(found, revision, true, range.remaining);
    }
    after = range.entries.at(-1)!.key;
  }
}

function finish(
  found: { view: View; key: string }[],
  revision: number,
  more: boolean,
  remaining: number,
): Page {
  return {
    views: found.map(({ view }) => view),
    revision,
    more,
    lastKey: found.at(-1)?.key ?? "",
    remaining,
  };
}

function accept(api: Api, selection: Selection, entry: Entry): View | undefined {
  const view = api.objects.views.of(entry);
  if (selection.matches !== undefined && !selection.matches(view)) return undefined;
  return view.as(selection.kind);
}

async function readRange(
  api: Api,
  prefix: string,
  options: { revision?: number; after?: string; limit?: number },
  token: ContinueToken | undefined,
): Promise<Range> {
  try {
    return await api.objects.store.range(prefix, options);
  } catch (error) {
    if (error instanceof CompactedError) {
      if (token) throw expiredContinue(token);
      throw new ApiError("Expired", "The resourceVersion for the provided list is too old.");
    }
    if (error instanceof FutureRevisionError && token) {
      throw badRequest("invalid continue token: continue key is not valid: revision is in the future");
    }
    throw error;
  }
}
