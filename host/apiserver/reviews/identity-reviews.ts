import type { V1TokenReviewSpec } from "../../api/generated/types.ts";
import { badRequest } from "../../apimachinery/errors.ts";
import type { User } from "../api.ts";
import type { AnyObject } from "../storage/view.ts";
import type { Review } from "./reviews.ts";

/** Who am I? `kubectl auth whoami`. */
export const selfSubject: Review = async (_api, review, { context }): Promise<AnyObject> => ({
  ...review,
  status: { userInfo: userInfo(context.user) },
});

/** Whose token is this? Source: api-policy 2.10. */
export const tokenReview: Review = async (api, review): Promise<AnyObject> => {
  const { token = "", audiences } = (review["spec"] ?? {}) as Partial<V1TokenReviewSpec>;
  if (token === "") throw badRequest("token is required for TokenReview in authentication");
  const outcome = await api.tokens(token, audiences?.length ? audiences : undefined);
  if (outcome !== undefined && "user" in outcome) {
    const status = { authenticated: true, user: userInfo(outcome.user), audiences: outcome.audiences };
    return { ...review, status };
  }
  const invalid = "invalid bearer token";
  const error = outcome === undefined ? invalid : `[${invalid}, ${outcome.error}]`;
  return { ...review, status: { user: {}, error } };
};

function userInfo({ name, uid, groups, extra }: User): object {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups,
    ...(extra === undefined ? {} : { extra }),
  };
}
