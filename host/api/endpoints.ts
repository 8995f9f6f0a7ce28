import { ageColumn, column, firstOf, NONE, nameColumn, UNSET } from "./columns.ts";
import { validateEndpoints, validateSlice } from "./endpoints-validation.ts";
import { immutable } from "./field-checks.ts";
import type { V1EndpointSlice, V1Endpoints } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** How many addresses or ports a cell lists. */
const SHOWN = 3;

function joinHostPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** `10.128.0.4:80,10.128.0.5:80`; without ports the bare addresses. */
function formatEndpoints({ subsets = [] }: V1Endpoints): string {
  const texts = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => joinHostPort(ip, port))),
  );
  return subsets.length === 0 ? NONE : firstOf(texts, SHOWN);
}

/** Source: api-policy 5.2, 6.5; api-wire 13. */
export const endpointsRules: KindRules<V1Endpoints> = {
  defaults({ subsets = [] }) {
    for (const { ports = [] } of subsets) for (const port of ports) port.protocol ||= "TCP";
  },
  validate: validateEndpoints,
  columns: [nameColumn, column("Endpoints", formatEndpoints), ageColumn],
};

/** Source: api-policy 5.2, 6.5; api-wire 13. */
export const endpointSliceRules: KindRules<V1EndpointSlice> = {
  defaults({ endpoints = [], ports = [] }) {
    for (const endpoint of endpoints) endpoint.conditions ??= {};
    for (const port of ports) {
      port.name ??= "";
      port.protocol ??= "TCP";
    }
  },
  validate: validateSlice,
  validateUpdate: (next, old) => immutable("addressType", next.addressType, old.addressType),
  columns: [
    nameColumn,
    column("AddressType", ({ addressType }) => addressType),
    column("Ports", ({ ports }) => {
      const texts = (ports ?? []).map(({ port, name }) => (port === undefined ? name || "*" : `${port}`));
      return firstOf(texts, SHOWN) || UNSET;
    }),
    column("Endpoints", ({ endpoints }) => {
      const addresses = (endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []);
      return firstOf(addresses, SHOWN) || UNSET;
    }),
    ageColumn,
  ],
};
