import type { Api, Target, User } from "../api.ts";
import { forbiddenError } from "./forbidden.ts";

/**
 * A write that is about to create its object needs the verb create besides its own: who may only change objects makes
 * no new ones. Source: k8s.io/apiserver/pkg/endpoints/handlers (withAuthorization).
 */
export async function requireCreate(api: Api, { kind, namespace, name }: Target, user: User): Promise<void> {
  const { group, version, plural } = kind;
  const attributes = { user, verb: "create", resource: { group, version, plural, namespace, name } };
  const { allowed, reason } = await api.authorizer.authorize(attributes);
  if (!allowed) throw forbiddenError(attributes, reason);
}
