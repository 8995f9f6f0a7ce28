import type { Kind } from "../../api/kind.ts";
import { ApiError, badRequest } from "../../apimachinery/errors.ts";
import {
  CompactedError,
  type Entry,
  FutureRevisionError,
  type Range,
  type RangeOptions,
} from "../../store/store.ts";
import type { Api } from "../api.ts";
import { type ContinueToken, decodeContinue, encodeContinue, expiredContinue } from "../continue-token.ts";
import {
  parseResourceVersion,
  type RevisionOptions,
  revisionNotOlderThan,
  validateRevisionOptions,
} from "../resource-version.ts";
import type { Selection } from "../selection.ts";
import { prepare } from "../storage/conversion.ts";
import type { View } from "../storage/view.ts";
import type { Turns } from "./turns.ts";

export interface ListRequest extends RevisionOptions {
  readonly limit?: number;
}

/** What was found is entries: whoever joins their bytes need not make views, let alone objects, of them. */
export interface ListResult {
  readonly kind: Kind;
  readonly entries: readonly Entry[];
  readonly revision: number;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** With a selector a page may need several reads; each takes at most this many keys. */
const SCAN_STEP = 1000;
/** How many objects are decoded for a selector in one turn: a millisecond or two. */
const TURN_OBJECTS = 100;

/**
 * GET of a collection: a consistent snapshot, in pages when asked. Source: api-wire 10, 11.
 *
 * @param turns  lets others in between while many objects are matched; absent: they are matched at once
 */
export async function list(
  api: Api,
  selection: Selection,
  request: ListRequest,
  turns?: Turns,
): Promise<ListResult> {
  validateRevisionOptions(request, false);
  const token = request.continue ? decodeContinue(request.continue) : undefined;
  if (token && request.resourceVersion && request.resourceVersion !== "0") {
    throw badRequest("specifying resource version is not allowed when using continue");
  }
  const wanted = token ? undefined : parseResourceVersion(request.resourceVersion);
  // Kubernetes answers "any cached state" (resourceVersion 0) whole, whatever the limit.
  const limit = wanted === 0 || !request.limit || request.limit < 0 ? undefined : request.limit;
  const notOlder = await revisionNotOlderThan(api, wanted);
  const exact = request.resourceVersionMatch === "Exact" ? wanted : notOlder;
  const page = await readPage(api, selection, limit, token, exact, turns);
  const { kind } = selection;
  const { entries, revision } = page;
  await prepare(kind, kind.custom?.conversion ? entries.map((entry) => api.objects.views.of(entry)) : []);
  if (!page.more) return { kind, entries, revision };
  const after = entries.at(-1)!.key.slice(selection.prefix.length);
  return {
    kind,
    entries,
    revision,
    continue: encodeContinue({ revision, after }),
    ...(selection.matches === undefined ? { remainingItemCount: page.remaining } : {}),
  };
}

/** What was found, as views of the kind that was asked for. */
export function viewsOf(api: Api, { kind, entries }: Pick<ListResult, "kind" | "entries">): View[] {
  return entries.map((entry) => api.objects.views.of(entry).as(kind));
}

interface Page {
  readonly entries: readonly Entry[];
  readonly revision: number;
  readonly more: boolean;
  /** How many come after the page; unknown with a selector. */
  readonly remaining: number;
}

async function readPage(
  api: Api,
  selection: Selection,
  limit: number | undefined,
  token: ContinueToken | undefined,
  at: number | undefined,
  turns: Turns | undefined,
): Promise<Page> {
  const { prefix } = selection;
  let revision = token && token.revision > 0 ? token.revision : at;
  let after = token && prefix + token.after;
  if (selection.matches === undefined) {
    const range = await readRange(api, prefix, { revision, after, limit }, token);
    return { ...range, more: range.remaining > 0 };
  }
  const found: Entry[] = [];
  for (;;) {
    const step = limit === undefined ? undefined : Math.max(limit, SCAN_STEP);
    const range = await readRange(api, prefix, { revision, after, limit: step }, token);
    revision = range.revision;
    if (selection.kind.custom?.conversion !== undefined)
      await prepare(
        selection.kind,
        range.entries.map((entry) => api.objects.views.of(entry)),
      );
    for (const [index, entry] of range.entries.entries()) {
      if (turns !== undefined && index % TURN_OBJECTS === TURN_OBJECTS - 1) await turns.next();
      if (!selection.matches(api.objects.views.of(entry))) continue;
      if (found.length === limit) return { entries: found, revision, more: true, remaining: 0 };
      found.push(entry);
    }
    if (range.remaining === 0) return { entries: found, revision, more: false, remaining: 0 };
    after = range.entries.at(-1)!.key;
  }
}

async function readRange(
  api: Api,
  prefix: string,
  options: RangeOptions,
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
