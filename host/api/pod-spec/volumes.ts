import { duplicate, type FieldError, forbiddenField, invalid } from "../../apimachinery/field-error.ts";
import { isDns1123Label } from "../../apimachinery/names.ts";
import { compareQuantity, parseQuantity, quantityOf } from "../../apimachinery/quantity.ts";
import { named, oneOf, present } from "../field-checks.ts";
import type { V1KeyToPath, V1PodSpec, V1Volume } from "../generated/types.ts";

const HOST_PATH_TYPES = [
  "",
  "DirectoryOrCreate",
  "Directory",
  "FileOrCreate",
  "File",
  "Socket",
  "CharDevice",
  "BlockDevice",
];
const MAX_MODE = 0o777;

/** Source: k8s.io/kubernetes/pkg/apis/core/validation.ValidateVolumes. */
export function validateVolumes(field: string, spec: V1PodSpec): FieldError[] {
  const names = new Set<string>();
  return (spec.volumes ?? []).flatMap((volume, index) => {
    const path = `${field}[${index}]`;
    const errors = [
      ...named(`${path}.name`, volume.name, isDns1123Label),
      ...validateSource(path, volume, spec),
    ];
    if (volume.name && names.has(volume.name)) errors.push(duplicate(`${path}.name`, volume.name));
    names.add(volume.name);
    return errors;
  });
}

function validateSource(field: string, volume: V1Volume, spec: V1PodSpec): FieldError[] {
  const given = Object.keys(volume).filter(
    (key) => key !== "name" && volume[key as keyof V1Volume] !== undefined,
  );
  const [, ...others] = given;
  return [
    ...others.map((key) => forbiddenField(`${field}.${key}`, "may not specify more than 1 volume type")),
    ...(others.length > 0 ? [] : validateOne(field, volume, spec)),
  ];
}

function validateOne(field: string, volume: V1Volume, spec: V1PodSpec): FieldError[] {
  const { hostPath, emptyDir, secret, configMap, nfs, persistentVolumeClaim, csi, downwardAPI, projected } =
    volume;
  if (hostPath) {
    const path = present(`${field}.hostPath.path`, hostPath.path);
    const steps = hostPath.path ? noBacksteps(`${field}.hostPath.path`, hostPath.path) : [];
    const bad = [...path, ...steps];
    return bad.length > 0 ? bad : oneOf(`${field}.hostPath.type`, hostPath.type, HOST_PATH_TYPES);
  }
  if (emptyDir?.sizeLimit && compareQuantity(parseQuantity(emptyDir.sizeLimit), quantityOf(0)) < 0) {
    const why = "SizeLimit field must be a valid resource quantity";
    return [forbiddenField(`${field}.emptyDir.sizeLimit`, why)];
  }
  if (secret)
    return [
      ...present(`${field}.secret.secretName`, secret.secretName),
      ...validateMode(`${field}.secret.defaultMode`, secret.defaultMode),
      ...validateItems(`${field}.secret.items`, secret.items),
    ];
  if (configMap)
    return [
      ...present(`${field}.configMap.name`, configMap.name),
      ...validateMode(`${field}.configMap.defaultMode`, configMap.defaultMode),
      ...validateItems(`${field}.configMap.items`, configMap.items),
    ];
  if (nfs) {
    const absolute =
      nfs.path && !nfs.path.startsWith("/")
        ? [invalid(`${field}.nfs.path`, nfs.path, "must be an absolute path")]
        : [];
    return [
      ...present(`${field}.nfs.server`, nfs.server),
      ...present(`${field}.nfs.path`, nfs.path),
      ...absolute,
    ];
  }
  if (persistentVolumeClaim)
    return present(`${field}.persistentVolumeClaim.claimName`, persistentVolumeClaim.claimName);
  if (csi) return present(`${field}.csi.driver`, csi.driver);
  if (downwardAPI) return validateMode(`${field}.downwardAPI.defaultMode`, downwardAPI.defaultMode);
  if (projected) return validateProjected(`${field}.projected`, projected, spec);
  return [];
}

function validateProjected(
  field: string,
  projected: NonNullable<V1Volume["projected"]>,
  spec: V1PodSpec,
): FieldError[] {
  const errors = validateMode(`${field}.defaultMode`, projected.defaultMode);
  for (const [index, source] of (projected.sources ?? []).entries()) {
    const path = `${field}.sources[${index}]`;
    const kinds = Object.values(source).filter((one) => one !== undefined).length;
    if (kinds > 1) errors.push(forbiddenField(path, "may not specify more than 1 volume type"));
    if (source.secret) errors.push(...present(`${path}.secret.name`, source.secret.name));
    if (source.configMap) errors.push(...present(`${path}.configMap.name`, source.configMap.name));
    if (source.serviceAccountToken) errors.push(...validateToken(path, source.serviceAccountToken, spec));
  }
  return errors;
}

function validateToken(
  field: string,
  token: { path?: string; expirationSeconds?: number },
  spec: V1PodSpec,
): FieldError[] {
  const path = `${field}.serviceAccountToken`;
  const { expirationSeconds } = token;
  if (!spec.serviceAccountName)
    return [forbiddenField(path, "must not be specified when serviceAccountName is not set")];
  const short =
    expirationSeconds !== undefined && expirationSeconds < 600
      ? [
          invalid(
            `${path}.expirationSeconds`,
            expirationSeconds,
            "may not specify a duration less than 10 minutes",
          ),
        ]
      : [];
  return [...short, ...present(`${path}.path`, token.path)];
}

function validateItems(field: string, items: readonly V1KeyToPath[] | undefined): FieldError[] {
  return (items ?? []).flatMap(({ key, path, mode }, index) => [
    ...present(`${field}[${index}].key`, key),
    ...present(`${field}[${index}].path`, path),
    ...validateMode(`${field}[${index}].mode`, mode),
    ...(path?.startsWith("/") ? [invalid(`${field}[${index}].path`, path, "must be a relative path")] : []),
    ...(path ? noBacksteps(`${field}[${index}].path`, path) : []),
  ]);
}

function validateMode(field: string, mode: number | undefined): FieldError[] {
  return mode !== undefined && (mode < 0 || mode > MAX_MODE)
    ? [invalid(field, mode, "must be a number between 0 and 0777 (octal), both inclusive")]
    : [];
}

/** A path may not leave the folder it is in. */
export function noBacksteps(field: string, path: string): FieldError[] {
  return path.split("/").includes("..") ? [invalid(field, path, "must not contain '..'")] : [];
}
