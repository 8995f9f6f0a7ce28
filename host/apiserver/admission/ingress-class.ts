import type { V1Ingress } from "../../api/generated/types.ts";
import { Ingress, IngressClass } from "../../api/network-kinds.ts";
import type { Api } from "../api.ts";
import type { Admission } from "./chain.ts";
import { allOf, defaultClass, isOf } from "./look-up.ts";

const IS_DEFAULT = "ingressclass.kubernetes.io/is-default-class";
const LEGACY_CLASS = "kubernetes.io/ingress.class";

/** An Ingress that names no class gets the default one (DefaultIngressClass). */
export const defaultIngressClass: Admission = (api, attributes) =>
  attributes.verb === "create" && isOf(attributes, Ingress)
    ? setClass(api, attributes.object as V1Ingress)
    : undefined;

async function setClass(api: Api, ingress: V1Ingress): Promise<void> {
  if (ingress.spec?.ingressClassName !== undefined) return;
  if (ingress.metadata?.annotations?.[LEGACY_CLASS] !== undefined) return;
  const found = defaultClass(await allOf(api, IngressClass), [IS_DEFAULT]);
  if (found !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: found.metadata?.name };
}
