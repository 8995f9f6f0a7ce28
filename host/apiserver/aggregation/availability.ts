import type { V1APIService, V1EndpointSlice, V1Service } from "../../api/generated/types.ts";

/** Condition Available of an APIService, without its time. */
export interface Availability {
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

export const LOCAL: Availability = {
  status: "True",
  reason: "Local",
  message: "Local APIServices are always available",
};

export const PASSED: Availability = { status: "True", reason: "Passed", message: "all checks passed" };

/**
 * Whether there is anybody to ask: what Services and slices say. Source: api-policy 7.5.
 *
 * @returns undefined when only asking will tell
 */
export function availabilityOfService(
  { spec }: V1APIService,
  service: V1Service | undefined,
  slices: readonly V1EndpointSlice[],
): Availability | undefined {
  const { namespace = "", name = "", port = 443 } = spec?.service ?? {};
  const what = `service/${name} in ${JSON.stringify(namespace)}`;
  if (service === undefined) return unavailable("ServiceNotFound", `${what} is not present`);
  if (service.spec?.type === "ExternalName") return undefined;
  const served = service.spec?.ports?.find((one) => one.port === port);
  if (served === undefined)
    return unavailable("ServicePortError", `${what} is not listening on port ${port}`);
  if (slices.length === 0) return unavailable("EndpointsNotFound", `cannot find endpointslices for ${what}`);
  const portName = served.name ?? "";
  const hasAddress = slices.some(
    ({ endpoints, ports }) =>
      (ports ?? []).some((one) => (one.name ?? "") === portName) &&
      (endpoints ?? []).some(
        ({ conditions, addresses }) => conditions?.ready !== false && addresses.length > 0,
      ),
  );
  if (hasAddress) return undefined;
  const named = JSON.stringify(portName);
  return unavailable(
    "MissingEndpoints",
    `endpointslices for ${what} have no addresses with port name ${named}`,
  );
}

export function failedDiscovery({ spec }: V1APIService, error: unknown): Availability {
  const { namespace = "", name = "", port = 443 } = spec?.service ?? {};
  const url = `https://${name}.${namespace}.svc:${port}/apis/${spec?.group}/${spec?.version}`;
  const why = error instanceof Error ? error.message : String(error);
  return unavailable("FailedDiscoveryCheck", `failing or missing response from ${url}: ${why}`);
}

function unavailable(reason: string, message: string): Availability {
  return { status: "False", reason, message };
}
