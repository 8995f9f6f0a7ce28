import { required } from "../apimachinery/field-error.ts";
import { ageColumn, column, firstOf, NONE, nameColumn } from "./columns.ts";
import { immutable, oneOf, present } from "./field-checks.ts";
import type { V1Ingress, V1IngressClass } from "./generated/types.ts";
import { validateIngress } from "./ingress-validation.ts";
import { validateManager } from "./job-validation.ts";
import type { KindRules } from "./kind.ts";

const SHOWN_HOSTS = 3;

/** Source: api-policy 5.4, 6.5; api-wire 13. */
export const ingressRules: KindRules<V1Ingress> = {
  prepareCreate(ingress) {
    ingress.status = { loadBalancer: {} };
  },
  validate: validateIngress,
  columns: [
    nameColumn,
    column("Class", ({ spec }) => spec?.ingressClassName ?? NONE),
    column("Hosts", ({ spec }) => {
      const hosts = (spec?.rules ?? []).map(({ host }) => host ?? "").filter((host) => host !== "");
      return firstOf(hosts, SHOWN_HOSTS) || "*";
    }),
    column("Address", ({ status }) => {
      const ingress = status?.loadBalancer?.ingress ?? [];
      const addresses = ingress.map((one) => one.ip || one.hostname || "").filter((one) => one !== "");
      return [...new Set(addresses)].sort().join(",");
    }),
    column("Ports", ({ spec }) => (spec?.tls?.length ? "80, 443" : "80")),
    ageColumn,
  ],
};

export const ingressClassRules: KindRules<V1IngressClass> = {
  defaults({ spec }) {
    if (spec?.parameters) spec.parameters.scope ??= "Cluster";
  },
  validate({ spec }) {
    const { controller, parameters } = spec ?? {};
    const errors = controller
      ? validateManager("spec.controller", controller)
      : [required("spec.controller")];
    if (parameters === undefined) return errors;
    return [
      ...errors,
      ...present("spec.parameters.kind", parameters.kind),
      ...present("spec.parameters.name", parameters.name),
      ...oneOf("spec.parameters.scope", parameters.scope, ["Cluster", "Namespace"]),
    ];
  },
  validateUpdate: (next, old) => immutable("spec.controller", next.spec?.controller, old.spec?.controller),
  columns: [
    nameColumn,
    column("Controller", ({ spec }) => spec?.controller ?? ""),
    column("Parameters", ({ spec }) => {
      if (!spec?.parameters) return NONE;
      const { apiGroup, kind, name } = spec.parameters;
      return apiGroup ? `${kind}.${apiGroup}/${name}` : `${kind}/${name}`;
    }),
    ageColumn,
  ],
};
