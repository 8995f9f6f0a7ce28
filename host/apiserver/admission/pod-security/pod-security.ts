import { Namespace, Pod } from "../../../api/core-kinds.ts";
import type { V1Container, V1Pod } from "../../../api/generated/types.ts";
import { forbidden } from "../../../apimachinery/errors.ts";
import { type FieldError, invalid, invalidObject } from "../../../apimachinery/field-error.ts";
import type { Api, WriteContext } from "../../api.ts";
import { templateOf } from "../../pod-templates.ts";
import type { Admission, Attributes } from "../chain.ts";
import { allOf, isOf, oneOf } from "../look-up.ts";
import { describeViolations, violationsOf } from "./evaluate.ts";
import { LATEST, LEVELS, type Level, parseVersion } from "./version.ts";

const PREFIX = "pod-security.kubernetes.io/";
type Mode = "enforce" | "audit" | "warn";

interface Policy {
  readonly level: Level;
  readonly minor: number;
  /** `restricted:latest` */
  readonly text: string;
}

/**
 * The Pod Security Standards, as the labels of a namespace ask for them: pods that violate what is enforced are refused, pods
 * and templates that violate what is warned of are warned of. Source: api-policy 4.6.
 */
export const podSecurity: Admission = (api, attributes, context) => {
  const { verb, object, namespace } = attributes;
  if (verb === "delete" || object === undefined) return;
  if (isOf(attributes, Namespace)) return admitNamespace(api, attributes, context);
  if (namespace === undefined) return;
  const isPod = attributes.kind.group === "" && attributes.kind.plural === "pods";
  if (isPod) {
    if (attributes.subresource !== undefined && attributes.subresource !== "ephemeralcontainers") return;
    if (verb === "update" && !needsReview(object as V1Pod, attributes.old as V1Pod)) return;
    return admitPod(api, attributes, object as V1Pod, context);
  }
  const template = attributes.subresource === undefined ? templateOf(attributes.kind, object) : undefined;
  return template === undefined ? undefined : warnOfTemplate(api, template, namespace, context);
};

async function warnOfTemplate(
  api: Api,
  template: NonNullable<ReturnType<typeof templateOf>>,
  namespace: string,
  context: WriteContext,
): Promise<void> {
  const labels = (await oneOf(api, Namespace, namespace))?.metadata?.labels ?? {};
  warnOf({ metadata: template.metadata, spec: template.spec } as V1Pod, policyOf(labels, "warn"), context);
}

async function admitPod(api: Api, { kind, name, namespace }: Attributes, pod: V1Pod, context: WriteContext) {
  const labels = (await oneOf(api, Namespace, namespace!))?.metadata?.labels ?? {};
  const enforced = policyOf(labels, "enforce");
  const violations = violationsOf(pod, enforced.level, enforced.minor);
  if (violations.length > 0) {
    throw forbidden(kind, name, `violates PodSecurity "${enforced.text}": ${describeViolations(violations)}`);
  }
  warnOf(pod, policyOf(labels, "warn"), context);
}

function warnOf(pod: V1Pod, policy: Policy, context: WriteContext): void {
  const violations = violationsOf(pod, policy.level, policy.minor);
  if (violations.length === 0) return;
  context.warn(`would violate PodSecurity "${policy.text}": ${describeViolations(violations)}`);
}

/** What a label does not say is privileged; a version nobody can read is the latest, a level nobody can read restricted. */
function policyOf(labels: Readonly<Record<string, string>>, mode: Mode): Policy {
  const said = labels[PREFIX + mode];
  const level = said === undefined ? "privileged" : (LEVELS.find((one) => one === said) ?? "restricted");
  const version = parseVersion(labels[`${PREFIX}${mode}-version`] ?? "latest") ?? {
    text: "latest",
    minor: LATEST,
  };
  return { level, minor: version.minor, text: `${level}:${version.text}` };
}

/** An update is looked at again only if an image changes or a container comes. */
function needsReview(next: V1Pod, old: V1Pod): boolean {
  const images = (pod: V1Pod) =>
    [
      ...(pod.spec?.initContainers ?? []),
      ...(pod.spec?.containers ?? []),
      ...(pod.spec?.ephemeralContainers ?? []),
    ].map(({ name, image }: Pick<V1Container, "name" | "image">) => `${name}=${image}`);
  const before = new Set(images(old));
  return images(next).some((one) => !before.has(one));
}

async function admitNamespace(api: Api, { kind, name, object, old }: Attributes, context: WriteContext) {
  const labels = object?.metadata?.labels ?? {};
  const before = old?.metadata?.labels ?? {};
  const errors = (["enforce", "audit", "warn"] as const).flatMap((mode) => labelErrors(labels, before, mode));
  if (errors.length > 0) throw invalidObject(kind, name, errors);
  if (old === undefined) return;
  const [wanted, was] = [policyOf(labels, "enforce"), policyOf(before, "enforce")];
  if (wanted.text === was.text || wanted.level === "privileged") return;
  await warnOfExisting(api, name, wanted, context);
}

function labelErrors(
  labels: Readonly<Record<string, string>>,
  old: Readonly<Record<string, string>>,
  mode: Mode,
) {
  const errors: FieldError[] = [];
  const check = (label: string, isGood: (value: string) => boolean, why: string) => {
    const value = labels[PREFIX + label];
    if (value === undefined || value === old[PREFIX + label] || isGood(value)) return;
    errors.push(invalid(`metadata.labels[${PREFIX}${label}]`, value, why));
  };
  check(mode, (value) => LEVELS.some((one) => one === value), `must be one of ${LEVELS.join(", ")}`);
  check(`${mode}-version`, (value) => parseVersion(value) !== undefined, 'must be "latest" or "v1.x"');
  return errors;
}

/** Pods looked at when a namespace's level rises; there is no refusing what runs already. */
const MAX_EXISTING = 3000;

/** `x: privileged, seccompProfile`, `x (and 2 other pods): …`: a line for each set of reasons. */
async function warnOfExisting(
  api: Api,
  namespace: string,
  policy: Policy,
  context: WriteContext,
): Promise<void> {
  const pods = (await allOf(api, Pod, namespace)).slice(0, MAX_EXISTING);
  const byReasons = new Map<string, string[]>();
  for (const pod of pods) {
    const reasons = violationsOf(pod, policy.level, policy.minor)
      .map(({ reason }) => reason)
      .join(", ");
    if (reasons === "") continue;
    byReasons.set(reasons, [...(byReasons.get(reasons) ?? []), pod.metadata?.name ?? ""]);
  }
  if (byReasons.size === 0) return;
  context.warn(
    `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${policy.text}"`,
  );
  for (const [reasons, names] of byReasons) {
    const others = names.length - 1;
    const more = others === 0 ? "" : ` (and ${others} other pod${others > 1 ? "s" : ""})`;
    context.warn(`${names[0]}${more}: ${reasons}`);
  }
}
