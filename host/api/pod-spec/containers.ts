import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notFoundValue,
  notSupported,
  required,
} from "../../apimachinery/field-error.ts";
import { isDns1123Label, isPortName, isPortNumber } from "../../apimachinery/names.ts";
import { checked, named, oneOf } from "../field-checks.ts";
import type { V1Container, V1ContainerPort, V1PodSpec } from "../generated/types.ts";
import { initRole } from "./containers-together.ts";
import { validateEnvironment } from "./environment.ts";
import { validateProbes } from "./probes.ts";
import { validateContainerResources } from "./resources.ts";
import { noBacksteps } from "./volumes.ts";

const PULL_POLICIES = ["Always", "IfNotPresent", "Never"];
const PROTOCOLS = ["SCTP", "TCP", "UDP"];

/** Normal, init and ephemeral containers, in this order; their names are one set. */
export function validateContainers(field: string, spec: V1PodSpec): FieldError[] {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec;
  if (containers.length === 0) return [required(`${field}.containers`)];
  const volumes = new Set((spec.volumes ?? []).map(({ name }) => name));
  const names = new Set<string>();
  const hostPorts = new Set<string>();
  const errors: FieldError[] = [];
  for (const [list, all] of [
    ["containers", containers],
    ["initContainers", initContainers],
    ["ephemeralContainers", ephemeralContainers as V1Container[]],
  ] as const) {
    for (const [index, container] of all.entries()) {
      const path = `${field}.${list}[${index}]`;
      errors.push(...validateContainer(path, container, volumes));
      if (container.name && names.has(container.name)) errors.push(duplicate(`${path}.name`, container.name));
      names.add(container.name);
      const isInit = list === "initContainers" && initRole(container) === "init";
      if (isInit) errors.push(...validateInit(path, container));
      else if (list === "ephemeralContainers") errors.push(...validateEphemeral(path, container));
      else errors.push(...validateProbes(path, container, spec.terminationGracePeriodSeconds));
      errors.push(...validateClaims(`${path}.resources.claims`, container, spec));
      // An init container is gone when the others start, so its host ports clash with nobody's.
      if (list === "containers") errors.push(...validateHostPorts(path, container, hostPorts));
      if (spec.hostNetwork) errors.push(...validateHostNetwork(path, container));
    }
  }
  return errors;
}

const PROBES = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const;

/** One that ends before the others start is not asked how it is. */
function validateInit(field: string, container: V1Container): FieldError[] {
  const why = "may not be set for init containers without restartPolicy=Always";
  return PROBES.filter((name) => container[name] !== undefined).map((name) =>
    forbiddenField(`${field}.${name}`, why),
  );
}

/** One that is put into a running pod gets nothing that would have been promised to it. */
function validateEphemeral(field: string, container: V1Container): FieldError[] {
  const isSet = (value: object | undefined) => value !== undefined && Object.keys(value).length > 0;
  return ([...PROBES, "ports", "resources", "resizePolicy"] as const)
    .filter((name) => isSet(container[name]))
    .map((name) => forbiddenField(`${field}.${name}`, "cannot be set for an Ephemeral Container"));
}

/** A container only uses devices that its pod asks for. */
function validateClaims(
  field: string,
  { resources }: V1Container,
  { resourceClaims = [] }: V1PodSpec,
): FieldError[] {
  if (!resources?.claims?.length) return [];
  const names = resourceClaims.map(({ name }) => name).sort();
  const which = names.length === 0 ? " which is empty" : `: ${names.join(", ")}`;
  return resources.claims.flatMap(({ name }, index) => {
    if (!name) return [required(`${field}[${index}]`)];
    if (names.includes(name)) return [];
    const { message, ...rest } = notFoundValue(`${field}[${index}]`, name);
    return [{ ...rest, message: `${message}: must be one of the names in pod.spec.resourceClaims${which}` }];
  });
}

function validateContainer(
  field: string,
  container: V1Container,
  volumes: ReadonlySet<string>,
): FieldError[] {
  const { image, resources, restartPolicy } = container;
  return [
    ...named(`${field}.name`, container.name, isDns1123Label),
    ...validateImage(`${field}.image`, image),
    ...oneOf(`${field}.terminationMessagePolicy`, container.terminationMessagePolicy, [
      "File",
      "FallbackToLogsOnError",
    ]),
    ...validatePorts(`${field}.ports`, container.ports ?? []),
    ...validateEnvironment(field, container),
    ...validateMounts(field, container, volumes),
    ...oneOf(`${field}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES),
    ...(resources ? validateContainerResources(`${field}.resources`, resources) : []),
    ...(container.resizePolicy ?? []).flatMap((one, index) => [
      ...oneOf(`${field}.resizePolicy[${index}].resourceName`, one.resourceName, ["cpu", "memory"]),
      ...oneOf(`${field}.resizePolicy[${index}].restartPolicy`, one.restartPolicy, [
        "NotRequired",
        "RestartContainer",
      ]),
    ]),
    ...oneOf(`${field}.restartPolicy`, restartPolicy, ["Always", "Never", "OnFailure"]),
  ];
}

function validateImage(field: string, image: string | undefined): FieldError[] {
  if (!image) return [required(field)];
  return image.trim() === image
    ? []
    : [invalid(field, image, "must not have leading or trailing whitespace")];
}

function validatePorts(field: string, ports: readonly V1ContainerPort[]): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap((port, index) => {
    const path = `${field}[${index}]`;
    const errors: FieldError[] = [];
    if (port.name) {
      const bad = checked(`${path}.name`, port.name, isPortName(port.name));
      if (bad.length === 0 && names.has(port.name)) bad.push(duplicate(`${path}.name`, port.name));
      names.add(port.name);
      errors.push(...bad);
    }
    if (!port.containerPort) errors.push(required(`${path}.containerPort`));
    else
      errors.push(...checked(`${path}.containerPort`, port.containerPort, isPortNumber(port.containerPort)));
    if (port.hostPort)
      errors.push(...checked(`${path}.hostPort`, port.hostPort, isPortNumber(port.hostPort)));
    if (!port.protocol) errors.push(required(`${path}.protocol`));
    else if (!PROTOCOLS.includes(port.protocol))
      errors.push(notSupported(`${path}.protocol`, port.protocol, PROTOCOLS));
    return errors;
  });
}

/** A host port can be taken once per protocol and address, by the whole pod. */
function validateHostPorts(field: string, container: V1Container, taken: Set<string>): FieldError[] {
  return (container.ports ?? []).flatMap((port, index) => {
    if (!port.hostPort) return [];
    const key = `${port.protocol}/${port.hostIP ?? ""}/${port.hostPort}`;
    if (taken.has(key)) return [duplicate(`${field}.ports[${index}].hostPort`, key)];
    taken.add(key);
    return [];
  });
}

function validateHostNetwork(field: string, { ports = [] }: V1Container): FieldError[] {
  return ports.flatMap(({ hostPort, containerPort }, index) =>
    hostPort && hostPort !== containerPort
      ? [
          invalid(
            `${field}.ports[${index}].hostPort`,
            hostPort,
            "must match `containerPort` when `hostNetwork` is true",
          ),
        ]
      : [],
  );
}

function validateMounts(field: string, container: V1Container, volumes: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const path = `${field}.volumeMounts[${index}]`;
    if (!mount.name) errors.push(required(`${path}.name`));
    if (!volumes.has(mount.name)) errors.push(notFoundValue(`${path}.name`, mount.name ?? ""));
    if (!mount.mountPath) errors.push(required(`${path}.mountPath`));
    if (paths.has(mount.mountPath))
      errors.push(invalid(`${path}.mountPath`, mount.mountPath, "must be unique"));
    paths.add(mount.mountPath);
    // Kubernetes reports these two on the list, without an index.
    errors.push(...validateSubPath(`${field}.volumeMounts.subPath`, mount.subPath));
    if (mount.subPath && mount.subPathExpr) {
      const why = "subPathExpr and subPath are mutually exclusive";
      errors.push(invalid(`${field}.volumeMounts.subPathExpr`, mount.subPathExpr, why));
    }
    errors.push(...validateSubPath(`${field}.volumeMounts.subPathExpr`, mount.subPathExpr));
  }
  for (const [index, device] of (container.volumeDevices ?? []).entries()) {
    const path = `${field}.volumeDevices[${index}]`;
    if (!device.name) errors.push(required(`${path}.name`));
    if (!volumes.has(device.name)) errors.push(notFoundValue(`${path}.name`, device.name ?? ""));
    if (!device.devicePath) errors.push(required(`${path}.devicePath`));
  }
  return errors;
}

function validateSubPath(field: string, path: string | undefined): FieldError[] {
  if (!path) return [];
  const absolute = path.startsWith("/") ? [invalid(field, path, "must be a relative path")] : [];
  return [...absolute, ...noBacksteps(field, path)];
}
