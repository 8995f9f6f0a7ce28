import { type FieldError, forbiddenField, invalid, required } from "../../apimachinery/field-error.ts";
import { isPortNumber } from "../../apimachinery/names.ts";
import { checked, nonNegative, oneOf, portNumberOrName, present } from "../field-checks.ts";
import type { V1Container, V1LifecycleHandler, V1Probe } from "../generated/types.ts";

type Handler = V1LifecycleHandler & V1Probe;

/** Probes and lifecycle hooks of one container. @param graceSeconds  in which it has to end */
export function validateProbes(field: string, container: V1Container, graceSeconds = 30): FieldError[] {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  return [
    ...validateHook(`${field}.lifecycle.postStart`, lifecycle?.postStart, graceSeconds),
    ...validateHook(`${field}.lifecycle.preStop`, lifecycle?.preStop, graceSeconds),
    ...validateProbe(`${field}.livenessProbe`, livenessProbe),
    ...mustSucceedOnce(`${field}.livenessProbe`, livenessProbe),
    ...validateProbe(`${field}.readinessProbe`, readinessProbe),
    ...validateProbe(`${field}.startupProbe`, startupProbe),
    ...mustSucceedOnce(`${field}.startupProbe`, startupProbe),
  ];
}

function validateHook(
  field: string,
  handler: V1LifecycleHandler | undefined,
  graceSeconds: number,
): FieldError[] {
  if (handler === undefined) return [];
  const errors = validateHandler(field, handler, ["exec", "httpGet", "tcpSocket", "sleep"]);
  const { seconds } = handler.sleep ?? {};
  const why = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
  if (seconds !== undefined && (seconds < 0 || seconds > graceSeconds))
    errors.push(invalid(`${field}.sleep`, seconds, why));
  return errors;
}

const AMOUNTS = [
  "initialDelaySeconds",
  "timeoutSeconds",
  "periodSeconds",
  "successThreshold",
  "failureThreshold",
] as const;

function validateProbe(field: string, probe: V1Probe | undefined): FieldError[] {
  if (probe === undefined) return [];
  const errors = validateHandler(field, probe, ["exec", "httpGet", "tcpSocket", "grpc"]);
  for (const name of AMOUNTS) errors.push(...nonNegative(`${field}.${name}`, probe[name]));
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0)
    errors.push(invalid(`${field}.terminationGracePeriodSeconds`, grace, "must be greater than 0"));
  return errors;
}

function mustSucceedOnce(field: string, probe: V1Probe | undefined): FieldError[] {
  const threshold = probe?.successThreshold ?? 1;
  return threshold === 1 ? [] : [invalid(`${field}.successThreshold`, threshold, "must be 1")];
}

/** Exactly one way to ask, and that one complete. */
function validateHandler(
  field: string,
  handler: Handler,
  ways: readonly ("exec" | "httpGet" | "tcpSocket" | "grpc" | "sleep")[],
): FieldError[] {
  const [first, ...others] = ways.filter((way) => handler[way] !== undefined);
  if (first === undefined) return [required(field, "must specify a handler type")];
  return [
    ...validateWay(field, handler, first),
    ...others.map((way) => forbiddenField(`${field}.${way}`, "may not specify more than 1 handler type")),
  ];
}

function validateWay(field: string, handler: Handler, way: string): FieldError[] {
  const { exec, httpGet, tcpSocket, grpc } = handler;
  switch (way) {
    case "exec":
      return exec?.command?.length ? [] : [required(`${field}.exec.command`)];
    case "httpGet":
      return [
        ...present(`${field}.httpGet.path`, httpGet?.path),
        ...portNumberOrName(`${field}.httpGet.port`, httpGet?.port),
        ...oneOf(`${field}.httpGet.scheme`, httpGet?.scheme, ["HTTP", "HTTPS"]),
      ];
    case "tcpSocket":
      return portNumberOrName(`${field}.tcpSocket.port`, tcpSocket?.port);
    case "grpc":
      return checked(`${field}.grpc.port`, grpc?.port ?? 0, isPortNumber(grpc?.port ?? 0));
    default:
      return [];
  }
}
