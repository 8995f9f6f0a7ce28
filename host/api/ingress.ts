import { ageColumn, column, firstOf, NONE, nameColumn } from "./columns.ts";
import type { V1Ingress, V1IngressClass } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

const SHOWN_HOSTS = 3;

/** Source: api-policy 5.4, 6.5; api-wire 13. */
export const ingressRules: KindRules<V1Ingress> = {
  prepareCreate(ingress) {
    ingress.status = { loadBalancer: {} };
  },
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
