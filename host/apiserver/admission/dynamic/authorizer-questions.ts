import type { AuthorizerAnswer, AuthorizerQuestion, Decide } from "../../../api/cel/authorizer.ts";
import type { Api, User } from "../../api.ts";
import type { Attributes, Decision } from "../../authorization/attributes.ts";

/** Answers what expressions ask of `authorizer`, in the name of the user or of the account they name. */
export function decideFor(api: Api, user: User): Decide {
  return (question) => {
    const decision = api.authorizer.authorize(attributesOf(question, user));
    return decision instanceof Promise ? decision.then(answerOf) : answerOf(decision);
  };
}

function answerOf({ allowed, reason }: Decision): AuthorizerAnswer {
  return { allowed, reason };
}

function attributesOf(question: AuthorizerQuestion, user: User): Attributes {
  const { verb, path, group = "", resource = "", subresource, namespace, name, serviceAccount } = question;
  const who = serviceAccount === undefined ? user : accountUser(serviceAccount);
  if (path !== undefined) return { user: who, verb, path };
  return {
    user: who,
    verb,
    resource: {
      group,
      version: "*",
      plural: resource,
      ...(subresource ? { subresource } : {}),
      ...(namespace ? { namespace } : {}),
      ...(name ? { name } : {}),
    },
  };
}

function accountUser(account: string): User {
  const [namespace = ""] = account.split(":");
  return {
    name: `system:serviceaccount:${account}`,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
  };
}
