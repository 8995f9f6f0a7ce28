import type { Kind } from "../../api/kind.ts";
import type { Api, WriteContext } from "../api.ts";
import { type Body, decodeBody } from "../decode-body.ts";
import type { AnyObject } from "../storage/view.ts";

/** Kinds that are questions: created, answered, never stored. */
const REVIEWS = new Set([
  "selfsubjectreviews",
  "tokenreviews",
  "localsubjectaccessreviews",
  "selfsubjectaccessreviews",
  "selfsubjectrulesreviews",
  "subjectaccessreviews",
]);

export function isReview(kind: Kind): boolean {
  return kind.group.startsWith("auth") && REVIEWS.has(kind.plural);
}

/** Answers by the one rule there is until roles exist: system:masters may do everything. */
export function createReview(api: Api, kind: Kind, body: Body, context: WriteContext): AnyObject {
  const review = decodeBody(api, kind, body, context);
  return { ...review, status: statusOf(kind, review, context) };
}

function statusOf(kind: Kind, review: AnyObject, { user }: WriteContext): object {
  const spec = (review["spec"] ?? {}) as { groups?: string[] };
  switch (kind.plural) {
    case "selfsubjectreviews":
      return { userInfo: { username: user.name, groups: user.groups } };
    case "tokenreviews":
      return { user: {}, error: "invalid bearer token" };
    case "selfsubjectrulesreviews": {
      const all = user.groups.includes("system:masters");
      return {
        resourceRules: all ? [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }] : [],
        nonResourceRules: all ? [{ verbs: ["*"], nonResourceURLs: ["*"] }] : [],
        incomplete: false,
      };
    }
    case "selfsubjectaccessreviews":
      return { allowed: user.groups.includes("system:masters") };
    default:
      return { allowed: spec.groups?.includes("system:masters") === true };
  }
}
