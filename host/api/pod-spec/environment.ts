import { type FieldError, invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import { isConfigMapKey, isEnvironmentVariableName } from "../../apimachinery/names.ts";
import { checked, named, present } from "../field-checks.ts";
import type { V1Container, V1EnvFromSource, V1EnvVar, V1EnvVarSource } from "../generated/types.ts";

/** What a container can be told of its own pod. */
const FIELDS: readonly string[] = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];
const RESOURCES: readonly string[] = [
  "limits.cpu",
  "limits.ephemeral-storage",
  "limits.memory",
  "requests.cpu",
  "requests.ephemeral-storage",
  "requests.memory",
];
const ONE_OF =
  "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";

export function validateEnvironment(field: string, { env = [], envFrom = [] }: V1Container): FieldError[] {
  const errors: FieldError[] = [];
  for (let index = 0; index < env.length; index++) {
    const one = env[index]!;
    // Pods have dozens of these: for those that nothing is wrong with no path is written.
    if (!isPlain(one)) errors.push(...validateVariable(`${field}.env[${index}]`, one));
  }
  for (const [index, one] of envFrom.entries())
    errors.push(...validateSource(`${field}.envFrom[${index}]`, `${field}.envFrom`, one));
  return errors;
}

/** A good name, and a value or nothing. */
function isPlain({ name, valueFrom }: V1EnvVar): boolean {
  return valueFrom === undefined && !!name && isEnvironmentVariableName(name).length === 0;
}

function validateVariable(field: string, variable: V1EnvVar): FieldError[] {
  const errors = named(`${field}.name`, variable.name, isEnvironmentVariableName);
  const { value, valueFrom } = variable;
  if (valueFrom === undefined) return errors;
  const from = `${field}.valueFrom`;
  errors.push(...validateValueFrom(from, valueFrom));
  const given = Object.values(valueFrom).filter((one) => one !== undefined).length;
  if (value) {
    if (given > 0) errors.push(invalid(from, "", "may not be specified when `value` is not empty"));
  } else if (given === 0) errors.push(invalid(from, "", ONE_OF));
  else if (given > 1) errors.push(invalid(from, "", "may not have more than one field specified at a time"));
  return errors;
}

function validateValueFrom(field: string, from: V1EnvVarSource): FieldError[] {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = from;
  const errors: FieldError[] = [];
  if (fieldRef) errors.push(...validateFieldPath(`${field}.fieldRef.fieldPath`, fieldRef.fieldPath));
  if (resourceFieldRef) {
    const { resource } = resourceFieldRef;
    if (!resource) errors.push(required(`${field}.resourceFieldRef.resource`));
    else if (!RESOURCES.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource))
      errors.push(notSupported(`${field}.resourceFieldRef.resource`, resource, RESOURCES));
  }
  if (configMapKeyRef) errors.push(...validateKeyRef(`${field}.configMapKeyRef`, configMapKeyRef));
  if (secretKeyRef) errors.push(...validateKeyRef(`${field}.secretKeyRef`, secretKeyRef));
  return errors;
}

function validateKeyRef(field: string, { name, key }: { name?: string; key: string }): FieldError[] {
  return [...present(`${field}.name`, name), ...named(`${field}.key`, key, isConfigMapKey)];
}

function validateFieldPath(field: string, path: string | undefined): FieldError[] {
  if (!path) return [required(field)];
  if (FIELDS.includes(path) || /^metadata\.(labels|annotations)\['[^']+'\]$/.test(path)) return [];
  const why = `error converting fieldPath: field label not supported: ${path}`;
  return [invalid(field, path, why)];
}

/** Kubernetes reports a source that names nothing on the list, without an index. */
function validateSource(field: string, list: string, source: V1EnvFromSource): FieldError[] {
  const { prefix, configMapRef, secretRef } = source;
  const errors = prefix ? checked(`${field}.prefix`, prefix, isEnvironmentVariableName(prefix)) : [];
  if (configMapRef) errors.push(...present(`${field}.configMapRef.name`, configMapRef.name));
  if (secretRef) errors.push(...present(`${field}.secretRef.name`, secretRef.name));
  if (!configMapRef && !secretRef)
    errors.push(invalid(list, "", "must specify one of: `configMapRef` or `secretRef`"));
  if (configMapRef && secretRef)
    errors.push(invalid(list, "", "may not have more than one field specified at a time"));
  return errors;
}
