import { Node, Service } from "../../api/core-kinds.ts";
import type { V1EndpointSlice, V1Node, V1Pod, V1Service } from "../../api/generated/types.ts";
import { EndpointSlice } from "../../api/network-kinds.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import type { ApiError } from "../../apimachinery/errors.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { Index } from "../../client/lister.ts";
import { type Change, create, note, remove, update } from "../change.ts";
import { controllerReference } from "../claim.ts";
import { generatePrefix } from "../pod-state.ts";
import { controller } from "../runtime.ts";
import { reads, self, watch } from "../watches.ts";
import { packSlices } from "./pack-slices.ts";
import { familiesOf, isHeadless, isManaged, podsOf, servicesOfPods } from "./service-pods.ts";
import { TriggerTimes } from "./trigger-times.ts";
import { wantedEndpoints } from "./wanted-endpoints.ts";

export interface ObservedService {
  readonly service: V1Service;
  readonly pods: readonly V1Pod[];
  /** The slices this controller manages for the Service. */
  readonly slices: readonly V1EndpointSlice[];
  readonly findNode: (name: string) => V1Node | undefined;
  /** Since when the endpoints should be other ones, where that is known. */
  readonly triggerTime?: string;
}

const SERVICE_NAME = "kubernetes.io/service-name";
const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
const MANAGER = "endpointslice-controller.k8s.io";
const TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time";
const HEADLESS = "service.kubernetes.io/headless";

/** What it remembers is only since when endpoints are late. */
export const endpointSliceController = () => {
  const triggers = new TriggerTimes();
  return controller<ObservedService>({
    name: "endpoint-slice-controller",
    watches: [
      self(Service),
      servicesOfPods,
      watch(EndpointSlice, (slice) => byService.valuesOf(slice)),
      reads(Node),
    ],
    firstDelayMs: 1000,
    tries: 15,
    observe: (key, { informers }) => {
      const service = informers.get(Service).lister.get(key);
      if (service === undefined || !isManaged(service)) {
        triggers.forget(key);
        return undefined;
      }
      const slices = informers.get(EndpointSlice).lister.by(byService, key);
      const nodes = informers.get(Node).lister;
      const pods = podsOf(service, informers);
      const triggerTime = triggers.next(key, service, pods);
      return { service, pods, slices, findNode: (name) => nodes.get(name), triggerTime };
    },
    reconcile: reconcileEndpointSlices,
  });
};

/** Files the slices that are ours under the key of their Service. */
const byService: Index<KubernetesObject> = {
  name: "service",
  valuesOf: ({ metadata }) => {
    const service = metadata?.labels?.[SERVICE_NAME];
    if (service === undefined || metadata?.labels?.[MANAGED_BY] !== MANAGER) return [];
    return [`${metadata.namespace}/${service}`];
  },
};

/** Lists a Service's pods in slices, by address family and port numbers. Source: controllers.md 10.1. */
export function reconcileEndpointSlices(observed: ObservedService): readonly Change[] {
  const { service, pods, findNode } = observed;
  if (service.metadata?.deletionTimestamp !== undefined) return [];
  const families = familiesOf(service);
  const slices = observed.slices.filter((slice) => slice.metadata?.deletionTimestamp === undefined);
  const foreign = slices.filter((slice) => !families.some((family) => family === slice.addressType));
  const refused = (error: ApiError) => [
    note(
      Service,
      service,
      "Warning",
      "FailedToUpdateEndpointSlices",
      `Error updating Endpoint Slices for Service ${service.metadata?.namespace}/${service.metadata?.name}: ${error.message}`,
    ),
  ];
  const gone = (error: ApiError) => (error.code === 404 ? [] : undefined);

  const changes: Change[] = foreign.map((slice) => remove(EndpointSlice, slice, { failure: gone }));
  const missing = new Set<string>();
  for (const family of families) {
    const wanted = wantedEndpoints(service, family, pods, findNode);
    for (const node of wanted.missingNodes) missing.add(node);
    const existing = slices.filter((slice) => slice.addressType === family);
    const plan = packSlices(wanted.groups, existing, (slice) =>
      deepEqual(slice.metadata?.labels, labelsFor(service)),
    );
    changes.push(
      ...plan.create.map((group) =>
        create(EndpointSlice, timed(makeSlice(service, family, group), observed), { refused }),
      ),
      ...plan.update.map((slice) => {
        const metadata = { ...slice.metadata, labels: labelsFor(service) };
        return update(EndpointSlice, timed({ ...slice, metadata }, observed), { refused });
      }),
      ...plan.remove.map((slice) => remove(EndpointSlice, slice, { failure: gone, refused })),
    );
  }
  if (missing.size > 0) changes.push({ do: "retry", why: `no node ${[...missing].join(", ")}` });
  return changes;
}

/** A slice that is written says since when it was to be, or nothing of it. */
function timed(slice: V1EndpointSlice, { triggerTime }: ObservedService): V1EndpointSlice {
  const { [TRIGGER_TIME]: _, ...rest } = slice.metadata?.annotations ?? {};
  const annotations = triggerTime === undefined ? rest : { ...rest, [TRIGGER_TIME]: triggerTime };
  const { annotations: __, ...metadata } = slice.metadata ?? {};
  const isNone = Object.keys(annotations).length === 0;
  return { ...slice, metadata: isNone ? metadata : { ...metadata, annotations } };
}

function makeSlice(
  service: V1Service,
  family: string,
  group: Pick<V1EndpointSlice, "endpoints" | "ports">,
): V1EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: generatePrefix(service.metadata?.name ?? ""),
      namespace: service.metadata?.namespace,
      labels: labelsFor(service),
      ownerReferences: [controllerReference(Service, service)],
    },
    addressType: family,
    ...group,
  };
}

/** The Service's own labels, and those by which a slice is found. */
function labelsFor(service: V1Service): Record<string, string> {
  const { [SERVICE_NAME]: _, [MANAGED_BY]: __, [HEADLESS]: ___, ...own } = service.metadata?.labels ?? {};
  return {
    ...own,
    ...(isHeadless(service) ? { [HEADLESS]: "" } : {}),
    [SERVICE_NAME]: service.metadata?.name ?? "",
    [MANAGED_BY]: MANAGER,
  };
}
