import { sleep } from "../apimachinery/clock.ts";
import { ApiError, badRequest } from "../apimachinery/errors.ts";
import { type FieldError, forbiddenField, notSupported } from "../apimachinery/field-error.ts";
import type { Api } from "./api.ts";

/** How long a read of a revision that was not given out yet waits before it is refused. */
const FUTURE_WAIT_MS = 3000;
const FUTURE_STEP_MS = 100;
const NO_KEY = "/";

/** @returns undefined for absent or "" */
export function parseResourceVersion(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^\d+$/.test(text)) {
    const quoted = JSON.stringify(text);
    const why = `strconv.ParseUint: parsing ${quoted}: invalid syntax`;
    throw badRequest(`invalid resource version: resourceVersion: Invalid value: ${quoted}: ${why}`);
  }
  return Number(text);
}

/** Waits until the store has reached the revision; 504 when it does not. Source: api-wire 9, 10. */
export async function waitForRevision(api: Api, revision: number): Promise<void> {
  const { store } = api.objects;
  // What another server on the same etcd was given is here after any read that asks etcd what is newest.
  if (store.revision < revision) await store.get(NO_KEY);
  for (let waitedMs = 0; store.revision < revision; waitedMs += FUTURE_STEP_MS) {
    if (waitedMs >= FUTURE_WAIT_MS) throw tooLargeRevision(revision, store.revision);
    await sleep(api.clock, FUTURE_STEP_MS);
  }
}

/**
 * Which revision a request that is content with one not older than `revision` reads: what this process has will do when
 * that is new enough ("any cached state" for 0).
 *
 * @returns undefined without a revision: what is newest anywhere when the request came. Source: api-wire 10
 */
export async function revisionNotOlderThan(
  api: Api,
  revision: number | undefined,
): Promise<number | undefined> {
  if (revision === undefined) return undefined;
  await waitForRevision(api, revision);
  return api.objects.store.revision;
}

function tooLargeRevision(revision: number, current: number): ApiError {
  return new ApiError("Timeout", `Timeout: Too large resource version: ${revision}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}

export interface RevisionOptions {
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
  readonly sendInitialEvents?: boolean;
  readonly continue?: string;
}

/** What may not be combined (k8s.io/apimachinery ValidateListOptions). */
export function validateRevisionOptions(options: RevisionOptions, watching: boolean): void {
  const { resourceVersionMatch: match, sendInitialEvents } = options;
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && !watching) {
    errors.push(forbiddenField("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
  if (watching) {
    if (sendInitialEvents !== undefined && match !== "NotOlderThan") {
      const why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
      errors.push(forbiddenField("resourceVersionMatch", why));
    } else if (sendInitialEvents === undefined && match) {
      const why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
      errors.push(forbiddenField("resourceVersionMatch", why));
    }
  } else if (match) errors.push(...matchErrors(match, options.resourceVersion));
  if (errors.length === 0) return;
  const texts = errors.map((error) => `${error.field}: ${error.message}`);
  const what = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  throw new ApiError("Invalid", `ListOptions.meta.k8s.io "" is invalid: ${what}`, {
    group: "meta.k8s.io",
    kind: "ListOptions",
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}

function matchErrors(match: string, resourceVersion: string | undefined): FieldError[] {
  const field = "resourceVersionMatch";
  const errors: FieldError[] = [];
  if (!resourceVersion) {
    errors.push(
      forbiddenField(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
    );
  }
  if (match !== "Exact" && match !== "NotOlderThan") {
    errors.push(notSupported(field, match, ["Exact", "NotOlderThan", ""]));
  } else if (match === "Exact" && resourceVersion === "0") {
    errors.push(forbiddenField(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  return errors;
}
