import { apiVersionOf, type Kind } from "../../../api/kind.ts";
import { labelSelectorFromObject, matches } from "../../../apimachinery/selectors.ts";
import type { Api } from "../../api.ts";
import { select } from "../../selection.ts";
import { asServed } from "../../storage/convert.ts";
import type { AnyObject } from "../../storage/view.ts";
import { list, viewsOf } from "../../verbs/list.ts";
import type { Operation } from "../dynamic/operation.ts";
import { allOf, oneOf } from "../look-up.ts";
import type { BindingSpec, PolicySpec } from "./policy.ts";

/** Objects that one binding may be evaluated with; each is a whole evaluation. More than that is refused as an error. */
const MAX_PARAMS = 1_000;

/** The kind of a policy's parameters. undefined: it wants none; an Error says that there is no such kind. */
export function paramKindOf(api: Api, { paramKind }: PolicySpec): Kind | Error | undefined {
  if (!paramKind) return undefined;
  const { apiVersion = "", kind = "" } = paramKind;
  const found = api.kinds.findByName(apiVersion, kind);
  if (found !== undefined) return found;
  const groupVersion = apiVersion.includes("/") ? apiVersion : `/${apiVersion}`;
  return new Error(`failed to find resource referenced by paramKind: '${groupVersion}, Kind=${kind}'`);
}

/**
 * What a binding's policy is evaluated with, one after another; undefined stands for no parameter. None at all: the binding
 * says nothing. Throws an Error for a binding that cannot count. Source: k8s.io/apiserver policy/generic CollectParams.
 */
export async function paramsOf(
  api: Api,
  kind: Kind | undefined,
  { paramRef }: BindingSpec,
  { namespace: requested }: Operation,
): Promise<readonly (AnyObject | undefined)[]> {
  if (kind === undefined || !paramRef) return [undefined];
  const { name, namespace: said, selector, parameterNotFoundAction } = paramRef;
  if (!kind.namespaced && said)
    throw new Error("paramRef.namespace must not be provided for a cluster-scoped `paramKind`");
  const namespace = kind.namespaced ? said || requested : undefined;
  if (kind.namespaced && !namespace) {
    const why = "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources";
    throw new Error(why);
  }
  const found = name ? [await oneOf(api, kind, name, namespace)] : await everyOne(api, kind, namespace);
  const wanted = selector === undefined ? undefined : labelSelectorFromObject(selector);
  const params = found
    .filter((one) => one !== undefined)
    .filter(({ metadata }) => wanted === undefined || matches(wanted, metadata?.labels))
    .map((one) => ({ ...asServed(kind, one as AnyObject), kind: kind.kind, apiVersion: apiVersionOf(kind) }));
  if (params.length > MAX_PARAMS) throw new Error(`more than ${MAX_PARAMS} params found for policy binding`);
  if (params.length === 0 && parameterNotFoundAction === "Deny")
    throw new Error("no params found for policy binding with `Deny` parameterNotFoundAction");
  return params;
}

async function everyOne(api: Api, kind: Kind, namespace: string | undefined): Promise<AnyObject[]> {
  if (kind.custom?.conversion === undefined) return [...(await allOf(api, kind, namespace))] as AnyObject[];
  const listed = await list(api, select(kind, namespace, {}), {});
  return viewsOf(api, listed).map(({ object }) => object);
}
