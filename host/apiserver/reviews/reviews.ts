import type { Kind } from "../../api/kind.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import type { Api, WriteContext } from "../api.ts";
import { type Body, decodeBody } from "../decode-body.ts";
import type { AnyObject } from "../storage/view.ts";
import { localSubjectAccess, selfSubjectAccess, selfSubjectRules, subjectAccess } from "./access-reviews.ts";
import { selfSubject, tokenReview } from "./identity-reviews.ts";

/** One question; what it answers is the whole document. */
export type Review = (
  api: Api,
  review: AnyObject,
  asked: { readonly context: WriteContext; readonly namespace?: string },
) => Promise<AnyObject>;

/** Kinds that are questions: created, answered, never stored. */
const REVIEWS: Readonly<Record<string, Review>> = {
  "selfsubjectreviews.authentication.k8s.io": selfSubject,
  "tokenreviews.authentication.k8s.io": tokenReview,
  "localsubjectaccessreviews.authorization.k8s.io": localSubjectAccess,
  "selfsubjectaccessreviews.authorization.k8s.io": selfSubjectAccess,
  "selfsubjectrulesreviews.authorization.k8s.io": selfSubjectRules,
  "subjectaccessreviews.authorization.k8s.io": subjectAccess,
};

function reviewOf({ plural, group }: Kind): Review | undefined {
  return REVIEWS[`${plural}.${group}`];
}

export function isReview(kind: Kind): boolean {
  return reviewOf(kind) !== undefined;
}

export async function createReview(
  api: Api,
  kind: Kind,
  namespace: string | undefined,
  body: Body,
  context: WriteContext,
): Promise<AnyObject> {
  const review = reviewOf(kind);
  if (review === undefined) throw new Error(`${kind.kind} is no review`);
  const decoded = decodeBody(api, kind, body, context);
  const { metadata, ...rest } = decoded;
  const { apiVersion, kind: name, ...fields } = rest;
  const stamped = {
    kind: name,
    apiVersion,
    metadata: { ...metadata, creationTimestamp: formatTime(api.clock.nowMs()) },
    ...fields,
  };
  return review(api, stamped, { context, namespace });
}
