import type {
  ResourceV1ResourceClaim,
  V1DeviceRequest,
  V1NodeSelector,
  V1ResourceSlice,
} from "../api/generated/types.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { readNodeSelector } from "./node-affinity.ts";
import type { Where } from "./node-rules.ts";

/** A device that a claim has. */
export interface AllocatedDevice {
  readonly request: string;
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
}

/** A request of a claim; count undefined: it asks for more than so many devices of a class. */
export interface KnownDeviceRequest {
  readonly name: string;
  readonly classes: readonly string[];
  readonly count: number | undefined;
}

/** A ResourceClaim, read once. */
export interface KnownDeviceClaim {
  /** `namespace/name` */
  readonly key: string;
  readonly isTerminating: boolean;
  readonly isAllocated: boolean;
  /** Uids of those it is reserved for. */
  readonly users: readonly string[];
  readonly requests: readonly KnownDeviceRequest[];
  /** False: it has constraints between its devices. */
  readonly isCountable: boolean;
  /** Where an allocated claim can be used, and the node if it names just one. */
  readonly where: Where;
  readonly onlyNode: string | undefined;
  /** The devices that nobody else can have. */
  readonly devices: readonly AllocatedDevice[];
}

/** A ResourceSlice, read once. */
export interface KnownSlice {
  readonly name: string;
  readonly driver: string;
  readonly pool: string;
  /** The node they belong to; undefined: all nodes of `where` reach them. */
  readonly node: string | undefined;
  readonly where: Where;
  /** Names of those that a plain count may take. */
  readonly devices: readonly string[];
}

export const deviceId = ({ driver, pool, device }: Omit<AllocatedDevice, "request">): string =>
  `${driver}/${pool}/${device}`;

export function claimKey({ metadata }: KubernetesObject): string {
  return `${metadata?.namespace ?? "default"}/${metadata?.name ?? ""}`;
}

export function readDeviceClaim(object: ResourceV1ResourceClaim): KnownDeviceClaim {
  const { metadata, spec, status } = object;
  const allocation = status?.allocation;
  const results = allocation?.devices?.results ?? [];
  return {
    key: claimKey(object),
    isTerminating: metadata?.deletionTimestamp !== undefined,
    isAllocated: allocation !== undefined && allocation !== null,
    users: (status?.reservedFor ?? []).map(({ uid }) => uid),
    requests: (spec?.devices?.requests ?? []).map(readRequest),
    isCountable: (spec?.devices?.constraints ?? []).length === 0,
    where: whereOf(allocation?.nodeSelector),
    onlyNode: onlyNodeOf(allocation?.nodeSelector),
    devices: results
      .filter(({ adminAccess }) => adminAccess !== true)
      .map(({ request, driver, pool, device }) => ({ request, driver, pool, device })),
  };
}

/** Selectors, alternatives, all devices of a node, access of an administrator and parts of devices are not counted. */
function readRequest({ name, exactly, firstAvailable }: V1DeviceRequest): KnownDeviceRequest {
  if (exactly === undefined || exactly === null)
    return {
      name,
      classes: (firstAvailable ?? []).map((one) => one.deviceClassName),
      count: undefined,
    };
  const isPlain =
    (exactly.selectors ?? []).length === 0 &&
    (exactly.allocationMode ?? "ExactCount") === "ExactCount" &&
    exactly.adminAccess !== true &&
    Object.keys(exactly.capacity?.requests ?? {}).length === 0;
  return { name, classes: [exactly.deviceClassName], count: isPlain ? (exactly.count ?? 1) : undefined };
}

/** Devices with a taint or of shared counters are not offered: a count cannot tell them apart. */
export function readSlice({ metadata, spec }: V1ResourceSlice): KnownSlice {
  const { driver, pool, nodeName, nodeSelector, allNodes, devices = [] } = spec;
  return {
    name: metadata?.name ?? "",
    driver,
    pool: pool.name,
    node: nodeName || undefined,
    // perDeviceNodeSelection says nothing here: such devices are nowhere.
    where: allNodes ? "everywhere" : nodeSelector ? whereOf(nodeSelector) : "nowhere",
    devices: devices
      .filter(
        ({ taints = [], consumesCounters = [] }) =>
          consumesCounters.length === 0 && taints.every(({ effect }) => effect === "None"),
      )
      .map(({ name }) => name),
  };
}

/** A selector that cannot be parsed matches nothing. */
function whereOf(selector: V1NodeSelector | undefined): Where {
  if (selector === undefined || selector === null) return "everywhere";
  const { matches, labelKeys, looksAtName } = readNodeSelector(selector, "nodeSelector", []);
  return { key: `devices ${JSON.stringify(selector)}`, matches, labelKeys, looksAtName };
}

/** As drivers of a node's own devices have it: no labels, one name. */
function onlyNodeOf(selector: V1NodeSelector | undefined): string | undefined {
  const [term, ...others] = selector?.nodeSelectorTerms ?? [];
  const [field, ...more] = term?.matchFields ?? [];
  if (field === undefined || others.length + more.length + (term?.matchExpressions ?? []).length > 0)
    return undefined;
  const { key, operator, values = [] } = field;
  return key === "metadata.name" && operator === "In" && values.length === 1 ? values[0] : undefined;
}
