import { badRequest } from "../../apimachinery/errors.ts";
import { quoteText } from "../../apimachinery/field-error.ts";
import type { User } from "../api.ts";
import type { Attributes, ResourceAttributes } from "../authorization/attributes.ts";
import { type Authorizer, SUPERUSERS } from "../authorization/authorizer.ts";
import { forbiddenError } from "../authorization/forbidden.ts";
import { extraHeaders, headerValues, type RequestHeaders } from "./headers.ts";
import {
  ANONYMOUS,
  parseServiceAccount,
  serviceAccountGroups,
  UNAUTHENTICATED,
  withAuthenticated,
} from "./users.ts";

const USER = "impersonate-user";
const GROUP = "impersonate-group";
const UID = "impersonate-uid";
const EXTRA = "impersonate-extra-";
const NODE = "system:node:";
const AUTHENTICATION = "authentication.k8s.io";

/** Whom a request wants to be, as its headers say. */
interface Wanted {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Whether the request wants to be somebody else; asked on every request, so nothing is built here. */
export function isImpersonating({ headers }: RequestHeaders): boolean {
  if (headers[USER] !== undefined || headers[GROUP] !== undefined || headers[UID] !== undefined) return true;
  for (const name in headers) if (name.startsWith(EXTRA)) return true;
  return false;
}

/**
 * The user a request is carried out as: who sent it, or whom its `Impersonate-` headers name when its sender may.
 *
 * Since 1.36 there are two ways to be allowed: of one of the constrained modes (verb `impersonate-on:<mode>:<verb>` on
 * what is asked for, and `impersonate:<mode>` on who is wanted), or of old by verb `impersonate`. When all refuse, the
 * first refusal is told. Source: api-policy 2.9.
 */
export async function impersonate(
  sender: User,
  request: RequestHeaders,
  attributesFor: (user: User) => Attributes,
  authorizer: Authorizer,
): Promise<User> {
  const wanted = readWanted(request);
  const asked = attributesFor(sender);
  const allows = async (attributes: Attributes) => (await authorizer.authorize(attributes)).allowed;
  let refused: Attributes | undefined;
  for (const mode of modesFor(sender, wanted)) {
    const checks = [
      { ...asked, verb: `impersonate-on:${mode}:${asked.verb}` },
      ...constrainedChecks(sender, wanted, mode),
    ];
    const failed = await firstRefused(checks, allows);
    // Nobody becomes a superuser in a constrained way.
    if (failed === undefined && !wanted.groups.includes(SUPERUSERS)) return impersonated(wanted);
    refused ??= failed;
  }
  const failed = await firstRefused(legacyChecks(sender, wanted), allows);
  if (failed === undefined) return impersonated(wanted);
  const first = refused ?? failed;
  throw forbiddenError(first, (await authorizer.authorize(first)).reason);
}

async function firstRefused(
  checks: readonly Attributes[],
  allows: (attributes: Attributes) => Promise<boolean>,
): Promise<Attributes | undefined> {
  for (const check of checks) if (!(await allows(check))) return check;
  return undefined;
}

function readWanted(request: RequestHeaders): Wanted {
  const wanted = {
    name: headerValues(request, USER)[0] ?? "",
    uid: headerValues(request, UID)[0] ?? "",
    groups: headerValues(request, GROUP),
    extra: extraHeaders(request, EXTRA),
  };
  if (wanted.name === "") throw badRequest(`requested ${inGo(wanted)} without impersonating a user name`);
  return wanted;
}

/** As Go prints it with `%#v`. */
function inGo({ name, uid, groups, extra }: Wanted): string {
  const list = (all: readonly string[]) =>
    all.length === 0 ? "[]string(nil)" : `[]string{${all.map(quoteText).join(", ")}}`;
  const entries = Object.entries(extra).map(([key, values]) => `${quoteText(key)}:${list(values)}`);
  const map = entries.length === 0 ? "(nil)" : `{${entries.join(", ")}}`;
  return `&user.DefaultInfo{Name:${quoteText(name)}, UID:${quoteText(uid)}, Groups:${list(groups)}, Extra:map[string][]string${map}}`;
}

type Mode = "associated-node" | "arbitrary-node" | "serviceaccount" | "user-info";

/** Which constrained modes fit, in the order they are tried. */
function modesFor(sender: User, wanted: Wanted): Mode[] {
  const nameOnly = wanted.uid === "" && wanted.groups.length === 0 && Object.keys(wanted.extra).length === 0;
  if (nameOnly && wanted.name.startsWith(NODE)) {
    const [own] = sender.extra?.["authentication.kubernetes.io/node-name"] ?? [];
    const isAssociated = parseServiceAccount(sender.name) !== undefined && `${NODE}${own}` === wanted.name;
    return isAssociated ? ["associated-node", "arbitrary-node"] : ["arbitrary-node"];
  }
  if (nameOnly && parseServiceAccount(wanted.name) !== undefined) return ["serviceaccount"];
  return ["user-info"];
}

function constrainedChecks(user: User, wanted: Wanted, mode: Mode): Attributes[] {
  const check = (plural: string, name: string, rest: Partial<ResourceAttributes> = {}): Attributes => ({
    user,
    verb: `impersonate:${mode}`,
    resource: { group: AUTHENTICATION, version: "v1", plural, name, ...rest },
  });
  const account = parseServiceAccount(wanted.name);
  if (mode === "serviceaccount" && account !== undefined)
    return [check("serviceaccounts", account.name, { namespace: account.namespace })];
  if (mode !== "user-info") return [check("nodes", wanted.name.slice(NODE.length))];
  return [
    check("users", wanted.name),
    ...(wanted.uid === "" ? [] : [check("uids", wanted.uid)]),
    ...wanted.groups.map((group) => check("groups", group)),
    ...extraChecks(wanted, (key, value) => check("userextras", value, { subresource: key })),
  ];
}

function legacyChecks(user: User, wanted: Wanted): Attributes[] {
  const check = (
    group: string,
    plural: string,
    name: string,
    rest: Partial<ResourceAttributes> = {},
  ): Attributes => ({
    user,
    verb: "impersonate",
    resource: { group, version: "v1", plural, name, ...rest },
  });
  const account = parseServiceAccount(wanted.name);
  return [
    account === undefined
      ? check("", "users", wanted.name)
      : check("", "serviceaccounts", account.name, { namespace: account.namespace }),
    ...wanted.groups.map((group) => check("", "groups", group)),
    ...(wanted.uid === "" ? [] : [check(AUTHENTICATION, "uids", wanted.uid)]),
    ...extraChecks(wanted, (key, value) => check(AUTHENTICATION, "userextras", value, { subresource: key })),
  ];
}

function extraChecks({ extra }: Wanted, check: (key: string, value: string) => Attributes): Attributes[] {
  return Object.entries(extra).flatMap(([key, values]) => values.map((value) => check(key, value)));
}

function impersonated({ name, uid, groups, extra }: Wanted): User {
  const account = parseServiceAccount(name);
  const own = account !== undefined && groups.length === 0 ? serviceAccountGroups(account.namespace) : groups;
  const user: User = {
    name,
    ...(uid === "" ? {} : { uid }),
    groups: own,
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
  if (name !== ANONYMOUS.name) return withAuthenticated(user);
  return own.includes(UNAUTHENTICATED) ? user : { ...user, groups: [...own, UNAUTHENTICATED] };
}
