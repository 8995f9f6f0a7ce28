import type {
  V1FieldSelectorAttributes,
  V1LabelSelectorAttributes,
  V1NonResourceAttributes,
  V1ResourceAttributes,
  V1SubjectAccessReviewSpec,
} from "../../api/generated/types.ts";
import { badRequest } from "../../apimachinery/errors.ts";
import { type FieldError, invalid, invalidObject } from "../../apimachinery/field-error.ts";
import { parseFieldSelector, parseLabelSelector } from "../../apimachinery/selectors.ts";
import type { Api, User } from "../api.ts";
import type { Attributes } from "../authorization/attributes.ts";
import type { AnyObject } from "../storage/view.ts";
import type { Review } from "./reviews.ts";

type Spec = Partial<V1SubjectAccessReviewSpec>;

/** May I? `kubectl auth can-i`. Source of all of these: api-policy 3.5. */
export const selfSubjectAccess: Review = async (api, review, { context }) => {
  const spec = specOf(review);
  refuse(attributeErrors(spec));
  return { ...review, status: await answer(api, context.user, spec) };
};

/** May somebody else? Groups are taken as they are said: `system:authenticated` is not added. */
export const subjectAccess: Review = async (api, review) => {
  const spec = specOf(review);
  refuse([...attributeErrors(spec), ...subjectErrors(spec)]);
  return { ...review, status: await answer(api, subjectOf(spec), spec) };
};

/** The same within one namespace. */
export const localSubjectAccess: Review = async (api, review, { namespace }) => {
  const spec = specOf(review);
  const errors = [...attributeErrors(spec), ...subjectErrors(spec)];
  const said = spec.resourceAttributes?.namespace;
  const field = "spec.resourceAttributes.namespace";
  if (spec.resourceAttributes !== undefined && said !== namespace)
    errors.push(invalid(field, said ?? "", "must match metadata.namespace"));
  if (spec.nonResourceAttributes !== undefined) {
    const why = "disallowed on this kind of request";
    errors.push(invalid("spec.nonResourceAttributes", shownPath(spec.nonResourceAttributes), why));
  }
  refuse(errors);
  const metadata = { ...review.metadata, namespace };
  return { ...review, metadata, status: await answer(api, subjectOf(spec), spec) };
};

/** What may I, all of it? `kubectl auth can-i --list`. */
export const selfSubjectRules: Review = async (api, review, { context }) => {
  const { namespace = "" } = (review["spec"] ?? {}) as { namespace?: string };
  if (namespace === "") throw badRequest("no namespace on request");
  const { rules, incomplete, errors } = await api.authorizer.rulesFor(context.user, namespace);
  const status = {
    resourceRules: rules
      .filter(({ resources }) => resources?.length)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        resourceNames,
      })),
    nonResourceRules: rules
      .filter(({ nonResourceURLs }) => nonResourceURLs?.length)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete,
    ...(errors.length === 0
      ? {}
      : { evaluationError: errors.length === 1 ? errors[0] : `[${errors.join(", ")}]` }),
  };
  return { ...review, spec: {}, status };
};

function specOf(review: AnyObject): Spec {
  return (review["spec"] ?? {}) as Spec;
}

function subjectOf({ user = "", groups = [], uid, extra }: Spec): User {
  return { name: user, groups, ...(uid ? { uid } : {}), ...(extra === undefined ? {} : { extra }) };
}

function attributeErrors({ resourceAttributes, nonResourceAttributes }: Spec): FieldError[] {
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const why = "cannot be specified in combination with resourceAttributes";
    return [invalid("spec.nonResourceAttributes", shownPath(nonResourceAttributes), why)];
  }
  if (resourceAttributes !== undefined || nonResourceAttributes !== undefined) return [];
  const why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
  return [invalid("spec.resourceAttributes", undefined, why)];
}

function subjectErrors({ user = "", groups = [] }: Spec): FieldError[] {
  if (user !== "" || groups.length > 0) return [];
  return [invalid("spec.user", "", "at least one of user or group must be specified")];
}

function shownPath({ path = "", verb = "" }: V1NonResourceAttributes): object {
  return { Path: path, Verb: verb };
}

/** Reviews have no kind of their own in these texts. */
function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0)
    throw invalidObject({ group: "authorization.k8s.io", plural: "", kind: "" }, "", errors);
}

async function answer(api: Api, user: User, spec: Spec): Promise<object> {
  const { resourceAttributes: asked } = spec;
  const { allowed, reason } = await api.authorizer.authorize(attributesOf(user, spec));
  const ignored = asked === undefined ? [] : unreadableSelectors(asked);
  return {
    allowed,
    ...(reason === "" ? {} : { reason }),
    ...(ignored.length === 0 ? {} : { evaluationError: ignored.join(", ") }),
  };
}

function attributesOf(user: User, { resourceAttributes: asked, nonResourceAttributes }: Spec): Attributes {
  if (asked === undefined) {
    const { verb = "", path = "" } = nonResourceAttributes ?? {};
    return { user, verb, path };
  }
  const { verb = "", group = "", version = "", resource = "", subresource, namespace, name } = asked;
  return {
    user,
    verb,
    resource: {
      group,
      version,
      plural: resource,
      subresource: subresource || undefined,
      namespace: namespace || undefined,
      name: name || undefined,
      fields: exactFields(asked.fieldSelector),
    },
  };
}

function exactFields(selector: V1FieldSelectorAttributes | undefined): Record<string, string> | undefined {
  if (selector === undefined) return undefined;
  const terms =
    selector.requirements?.flatMap(({ key, operator, values = [] }) =>
      operator === "In" && values.length === 1 ? [[key, values[0]!] as const] : [],
    ) ?? [];
  const parsed = selector.rawSelector ? (tryParse(parseFieldSelector, selector.rawSelector) ?? []) : [];
  const raw = parsed.filter(({ op }) => op === "=").map(({ field, value }) => [field, value] as const);
  return Object.fromEntries([...terms, ...raw]);
}

/** A selector that cannot be read is left out of the question, and the answer says so. */
function unreadableSelectors({ fieldSelector, labelSelector }: V1ResourceAttributes): string[] {
  const field = "spec.resourceAttributes";
  const unreadable = (name: string, raw: string | undefined, parse: (text: string) => unknown) =>
    raw && tryParse(parse, raw) === undefined ? [`${field}.${name} ignored due to parse error`] : [];
  const rawOf = (selector: V1FieldSelectorAttributes | V1LabelSelectorAttributes | undefined) =>
    selector?.rawSelector;
  return [
    ...unreadable("fieldSelector", rawOf(fieldSelector), parseFieldSelector),
    ...unreadable("labelSelector", rawOf(labelSelector), parseLabelSelector),
  ];
}

function tryParse<T>(parse: (text: string) => T, text: string): T | undefined {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
