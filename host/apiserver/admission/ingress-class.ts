import type { V1Ingress } from "../../api/generated/types.ts";
import { Ingress, IngressClass } from "../../api/network-kinds.ts";
import type { Admission } from "./chain.ts";
import { allOf, defaultClass, isOf } from "./look-up.ts";

const IS_DEFAULT = "ingressclass.kubernetes.io/is-default-class";
const LEGACY_CLASS = "kubernetes.io/ingress.class";

/** An Ingress that names no class gets the default one (DefaultIngressClass). */
export const defaultIngressClass: Admission = async (api, attributes) => {
  const { verb, object } = attributes;
  if (verb !== "create" || !isOf(attributes, Ingress)) return;
  const ingress = object as V1Ingress;
  if (ingress.spec?.ingressClassName !== undefined) return;
  if (ingress.metadata?.annotations?.[LEGACY_CLASS] !== undefined) return;
  const found = defaultClass(await allOf(api, IngressClass), [IS_DEFAULT]);
  if (found !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: found.metadata?.name };
};
