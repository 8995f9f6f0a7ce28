import { deepEqual } from "../../apimachinery/copy.ts";
import {
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
  tooMany,
} from "../../apimachinery/field-error.ts";
import { isDns1035Label, isDns1123Subdomain } from "../../apimachinery/names.ts";
import { checked, immutable } from "../field-checks.ts";
import type { V1CustomResourceDefinition, V1CustomResourceDefinitionVersion } from "../generated/types.ts";
import type { KindRules } from "../kind.ts";
import { clientErrors, reviewVersionErrors } from "../webhook-validation.ts";
import { memberNames, parseJsonPath } from "./json-path.ts";
import { ruleErrors } from "./rules.ts";
import { formatWarnings, schemaErrors } from "./schema-rules.ts";
import { propertyOf, type Structural } from "./structural-schema.ts";

const COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
const MAX_SELECTABLE = 8;
const APPROVAL = "api-approved.kubernetes.io";

/** Source: apiextensions-apiserver pkg/apis/apiextensions/{validation,v1/defaults.go}; api-policy 7.1. */
export const definitionRules: KindRules<V1CustomResourceDefinition> = {
  defaults({ spec }) {
    const { names } = spec;
    if (names) {
      names.singular ||= (names.kind ?? "").toLowerCase();
      if (names.kind) names.listKind ||= `${names.kind}List`;
    }
    spec.conversion ??= { strategy: "None" };
    const { service } = spec.conversion.webhook?.clientConfig ?? {};
    if (service) service.port ??= 443;
  },
  prepareCreate(definition) {
    const stored = definition.spec.versions?.find(({ storage }) => storage)?.name;
    definition.status = { acceptedNames: { plural: "", kind: "" }, storedVersions: stored ? [stored] : [] };
  },
  prepareUpdate(definition) {
    const stored = definition.spec.versions?.find(({ storage }) => storage)?.name;
    const { storedVersions = [] } = definition.status ?? {};
    if (!stored || storedVersions.includes(stored)) return;
    definition.status = { ...definition.status, storedVersions: [...storedVersions, stored] };
  },
  validate: (definition) => [
    ...identityErrors(definition),
    ...versionListErrors(definition),
    ...definition.spec.versions.flatMap((version, index) =>
      versionErrors(version, placesOf(definition, index)),
    ),
    ...conversionErrors(definition),
  ],
  warnings: ({ spec }) => [
    ...new Set(spec.versions.flatMap(({ schema }) => formatWarnings(schema?.openAPIV3Schema ?? {}))),
  ],
  validateUpdate: (next, old) => {
    const isEstablished = old.status?.conditions?.some(
      ({ type, status }) => type === "Established" && status === "True",
    );
    if (!isEstablished) return [];
    return [
      ...immutable("spec.group", next.spec.group, old.spec.group),
      ...immutable("spec.scope", next.spec.scope, old.spec.scope),
      ...immutable("spec.names.plural", next.spec.names.plural, old.spec.names.plural),
      ...immutable("spec.names.kind", next.spec.names.kind, old.spec.names.kind),
    ];
  },
};

function identityErrors({ metadata, spec }: V1CustomResourceDefinition): FieldError[] {
  const { group = "", names, scope } = spec;
  const errors: FieldError[] = [];
  const wanted = `${names.plural}.${group}`;
  if (metadata?.name !== wanted) {
    errors.push(invalid("metadata.name", metadata?.name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (group === "") errors.push(required("spec.group"));
  else if (isDns1123Subdomain(group).length > 0)
    errors.push(...checked("spec.group", group, isDns1123Subdomain(group)));
  else if (!group.includes("."))
    errors.push(invalid("spec.group", group, "should be a domain with at least one dot"));
  if (/(^|\.)(k8s|kubernetes)\.io$/.test(group))
    errors.push(...approvalErrors(metadata?.annotations?.[APPROVAL]));
  if (scope !== "Cluster" && scope !== "Namespaced") {
    errors.push(
      scope ? notSupported("spec.scope", scope, ["Cluster", "Namespaced"]) : required("spec.scope"),
    );
  }
  return [...errors, ...nameErrors(spec.names)];
}

function approvalErrors(said: string | undefined): FieldError[] {
  const field = `metadata.annotations[${APPROVAL}]`;
  const see = "see https://github.com/kubernetes/enhancements/pull/1111";
  if (!said) return [required(field, `protected groups must have approval annotation "${APPROVAL}", ${see}`)];
  if (said.startsWith("unapproved") || /^https?:\/\/[^/]+/.test(said)) return [];
  const why = `protected groups must have approval annotation "${APPROVAL}" with either a URL or a reason starting with "unapproved", ${see}`;
  return [invalid(field, said, why)];
}

function nameErrors(names: V1CustomResourceDefinition["spec"]["names"]): FieldError[] {
  const label = (field: string, name: string | undefined) =>
    name ? checked(field, name, isDns1035Label(name)) : [required(field)];
  const mixed = (field: string, name: string | undefined) =>
    name
      ? checked(
          field,
          name,
          isDns1035Label(name.toLowerCase()).map(
            (why) => `may have mixed case, but should otherwise match: ${why}`,
          ),
        )
      : [required(field)];
  const errors = [
    ...label("spec.names.plural", names.plural),
    ...label("spec.names.singular", names.singular),
    ...(names.shortNames ?? []).flatMap((name, i) => label(`spec.names.shortNames[${i}]`, name)),
    ...(names.categories ?? []).flatMap((name, i) => label(`spec.names.categories[${i}]`, name)),
    ...mixed("spec.names.kind", names.kind),
    ...mixed("spec.names.listKind", names.listKind),
  ];
  if (names.kind && names.kind === names.listKind) {
    errors.push(invalid("spec.names.listKind", names.listKind, "kind and listKind may not be the same"));
  }
  return errors;
}

function versionListErrors({ spec, status }: V1CustomResourceDefinition): FieldError[] {
  const { versions = [] } = spec;
  const names = versions.map(({ name }) => name);
  const stored = versions.filter(({ storage }) => storage);
  const errors: FieldError[] = [];
  if (versions.length === 0) errors.push(required("spec.versions"));
  if (new Set(names).size < names.length) {
    errors.push(invalid("spec.versions", versions, "must contain unique version names"));
  }
  if (stored.length !== 1) {
    const why = "must have exactly one version marked as storage version";
    errors.push(invalid("spec.versions", versions, why));
  }
  const storedVersions = status?.storedVersions ?? [];
  if (storedVersions.length === 0) {
    errors.push(invalid("status.storedVersions", null, "must have at least one stored version"));
  }
  for (const [index, name] of storedVersions.entries()) {
    if (names.includes(name)) continue;
    const why =
      `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage ` +
      `migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    errors.push(invalid(`status.storedVersions[${index}]`, name, why));
  }
  if (spec.preserveUnknownFields === true) {
    const why =
      "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
    errors.push(invalid("spec.preserveUnknownFields", true, why));
  }
  return errors;
}

interface Places {
  readonly version: string;
  readonly schema: string;
  readonly subresources: string;
  readonly columns: string;
  readonly selectable: string;
}

/** Where errors are told: what all versions have in common is told at the top, as it was before there were versions. */
function placesOf({ spec: { versions } }: V1CustomResourceDefinition, index: number): Places {
  const version = `spec.versions[${index}]`;
  const [first] = versions;
  const same = (part: (one: V1CustomResourceDefinitionVersion) => unknown) =>
    versions.every((one) => deepEqual(part(one), part(first!)));
  const alike = same((one) => [
    one.schema,
    one.subresources,
    one.additionalPrinterColumns,
    one.selectableFields,
  ]);
  return {
    version,
    schema: alike ? "spec.validation.openAPIV3Schema" : `${version}.schema.openAPIV3Schema`,
    subresources: alike ? "spec.subresources" : `${version}.subresources`,
    columns: alike ? "spec.additionalPrinterColumns" : `${version}.additionalPrinterColumns`,
    selectable: alike ? "spec.selectableFields" : `${version}.selectableFields`,
  };
}

function versionErrors(version: V1CustomResourceDefinitionVersion, places: Places): FieldError[] {
  const { name, schema, deprecated, deprecationWarning } = version;
  const errors: FieldError[] = checked(`${places.version}.name`, name, isDns1035Label(name ?? ""));
  if (deprecationWarning !== undefined && !deprecated) {
    const why = "can only be set for deprecated versions";
    errors.push(invalid(`${places.version}.deprecationWarning`, deprecationWarning, why));
  }
  const root = schema?.openAPIV3Schema;
  if (root === undefined) return [...errors, required(`${places.version}.schema.openAPIV3Schema`)];
  const structural = schemaErrors(root, places.schema);
  return [
    ...errors,
    ...structural,
    // Rules are read by the schema's types: without those there is nothing to read them by.
    ...(structural.length === 0 ? ruleErrors(root, places.schema) : []),
    ...scaleErrors(version, places.subresources),
    ...columnErrors(version, places.columns),
    ...selectableErrors(version, root, places.selectable),
  ];
}

function scaleErrors({ subresources }: V1CustomResourceDefinitionVersion, path: string): FieldError[] {
  const scale = subresources?.scale;
  if (scale === undefined) return [];
  const check = (
    name: "specReplicasPath" | "statusReplicasPath" | "labelSelectorPath",
    under: readonly string[],
  ) => {
    const said = scale[name];
    const field = `${path}.scale.${name}`;
    if (!said) return name === "labelSelectorPath" ? [] : [required(field)];
    const [root, ...rest] = memberNames(said) ?? [];
    if (root === undefined) return [invalid(field, said, "should be a simple json path starting with .")];
    if (under.includes(root) && rest.length > 0) return [];
    return [
      invalid(field, said, `should be a json path under ${under.map((one) => `.${one}`).join(" or ")}`),
    ];
  };
  return [
    ...check("specReplicasPath", ["spec"]),
    ...check("statusReplicasPath", ["status"]),
    ...check("labelSelectorPath", ["spec", "status"]),
  ];
}

function columnErrors(
  { additionalPrinterColumns }: V1CustomResourceDefinitionVersion,
  path: string,
): FieldError[] {
  return (additionalPrinterColumns ?? []).flatMap(({ name, type, format, jsonPath }, index) => {
    const at = `${path}[${index}]`;
    const mustBeOneOf = (field: string, value: string, among: readonly string[]) =>
      among.includes(value) ? [] : [invalid(`${at}.${field}`, value, `must be one of ${among.join(",")}`)];
    return [
      ...(name ? [] : [required(`${at}.name`)]),
      ...(type
        ? mustBeOneOf("type", type, COLUMN_TYPES)
        : [required(`${at}.type`, `must be one of ${COLUMN_TYPES.join(",")}`)]),
      ...(format ? mustBeOneOf("format", format, COLUMN_FORMATS) : []),
      ...(jsonPath
        ? parseJsonPath(jsonPath)
          ? []
          : [invalid(`${at}.JSONPath`, jsonPath, "must be a simple json path starting with .")]
        : [required(`${at}.JSONPath`)]),
    ];
  });
}

function selectableErrors(
  version: V1CustomResourceDefinitionVersion,
  root: Structural,
  path: string,
): FieldError[] {
  const fields = version.selectableFields ?? [];
  if (fields.length > MAX_SELECTABLE) return [tooMany(path, fields.length, MAX_SELECTABLE)];
  return fields.flatMap(({ jsonPath }, index) => {
    const names = memberNames(jsonPath);
    const at = names?.reduce<Structural | undefined>((one, name) => one && propertyOf(one, name), root);
    const isField = names?.[0] !== "metadata" && ["string", "boolean", "integer"].includes(at?.type ?? "");
    return isField
      ? []
      : [
          invalid(
            `${path}[${index}].jsonPath`,
            jsonPath,
            "is an invalid path: does not refer to a valid field",
          ),
        ];
  });
}

function conversionErrors({ spec: { conversion } }: V1CustomResourceDefinition): FieldError[] {
  if (conversion === undefined) return [];
  const { strategy, webhook } = conversion;
  if (strategy !== "None" && strategy !== "Webhook") {
    return [notSupported("spec.conversion.strategy", strategy, ["None", "Webhook"])];
  }
  const [client, versions] = [
    "spec.conversion.webhookClientConfig",
    "spec.conversion.conversionReviewVersions",
  ];
  if (strategy === "None") {
    const why = "should not be set when strategy is not set to Webhook";
    return [
      ...(webhook?.clientConfig ? [forbiddenField(client, why)] : []),
      ...(webhook?.conversionReviewVersions?.length ? [forbiddenField(versions, why)] : []),
    ];
  }
  const { clientConfig, conversionReviewVersions = [] } = webhook ?? {};
  return [
    ...(clientConfig
      ? clientErrors(client, clientConfig)
      : [required(client, "required when strategy is set to Webhook")]),
    ...(conversionReviewVersions.length > 0
      ? reviewVersionErrors(versions, conversionReviewVersions)
      : [required(versions)]),
  ];
}
