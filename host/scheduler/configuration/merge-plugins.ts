import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notFoundValue,
} from "../../apimachinery/field-error.ts";
import type { PluginSet, Plugins } from "./kube-scheduler-configuration.ts";
import {
  DEFAULT_MULTI_POINT,
  EXTENSION_POINTS,
  type ExtensionPoint,
  implementsPoint,
  isPluginName,
  PLUGINS,
  type PluginName,
  REMOVED_PLUGINS,
} from "./plugins.ts";
import type { Profile } from "./profile.ts";

interface Listed {
  readonly name: PluginName;
  /** 0: nothing was said. */
  readonly weight: number;
  /** Where it is written; the defaults are not. */
  readonly field: string;
}

/** Totals are summed in 32 bits: 100 times all weights has to stay below. */
const MAX_WEIGHT_SUM = Math.floor((2 ** 31 - 1) / 100);

/**
 * The plugins of a profile: what the user lists, merged with the default MultiPoint list.
 *
 *   at a point:   | its own that MultiPoint lists too | the rest of MultiPoint | the rest of its own |
 *
 * A list's `disabled` takes away what MultiPoint would bring (`*`: everything), never what the same list enables.
 * Source: mergePlugins of the v1 defaults, and expandMultiPointPlugins of the framework.
 */
export function mergePlugins(
  plugins: Plugins | undefined,
  field: string,
  errors: FieldError[],
): Pick<Profile, "plugins" | "scoreWeights"> {
  const read = (point: keyof Plugins): Listed[] =>
    readSet(plugins?.[point], `${field}.${point}`, point === "multiPoint" ? undefined : point, errors);
  const multiPoint = mergeMultiPoint(plugins?.multiPoint, read("multiPoint"));
  refuseTwice(multiPoint, errors);
  for (const point of ["placementGenerate", "placementScore"] as const) read(point);
  const byPoint = EXTENSION_POINTS.map((point) => {
    const own = read(point);
    refuseTwice(own, errors);
    return [point, own, expand(point, own, multiPoint, plugins?.[point])] as const;
  });
  const merged = Object.fromEntries(byPoint.map(([point, , all]) => [point, all])) as Record<
    ExtensionPoint,
    PluginName[]
  >;
  const ownScores = byPoint.find(([point]) => point === "score")![1];
  return { plugins: merged, scoreWeights: weigh(merged.score, [...ownScores, ...multiPoint], field, errors) };
}

/** The plugins a list enables; those that cannot be are errors, and left out. */
function readSet(
  set: PluginSet | undefined,
  field: string,
  point: keyof Plugins | undefined,
  errors: FieldError[],
): Listed[] {
  return (set?.enabled ?? []).flatMap(({ name, weight = 0 }, i): Listed[] => {
    const at = `${field}.enabled[${i}]`;
    const error = findMistake(name, at, point);
    if (error === undefined && weight < 0)
      errors.push(invalid(`${at}.weight`, weight, "must be greater than or equal to 0"));
    if (error !== undefined) errors.push(error);
    return error === undefined && isPluginName(name) ? [{ name, weight, field: at }] : [];
  });
}

function findMistake(name: string, field: string, point: keyof Plugins | undefined): FieldError | undefined {
  if (REMOVED_PLUGINS.includes(name)) return removedPlugin(field, name);
  if (!isPluginName(name)) return notFoundValue(`${field}.name`, name);
  if (PLUGINS[name].isOff)
    return forbiddenField(`${field}.name`, `plugin "${name}" is behind a feature gate that is off`);
  if (point !== undefined && !implementsPoint(name, point as ExtensionPoint))
    return invalid(`${field}.name`, name, `plugin "${name}" does not extend ${point} plugin`);
  return undefined;
}

/** kube-scheduler's words for a plugin that a version of the configuration does not have any more. */
export function removedPlugin(field: string, name: string): FieldError {
  const version = "kubescheduler.config.k8s.io/v1";
  const why = `was invalid in version ${JSON.stringify(version)} (KubeSchedulerConfiguration is version ${JSON.stringify(version)})`;
  return invalid(field, name, why);
}

/** A default plugin that is listed again is replaced where it stands; the others follow. */
function mergeMultiPoint(set: PluginSet | undefined, own: readonly Listed[]): Listed[] {
  const disabled = namesOf(set?.disabled);
  const replaced = new Set<Listed>();
  const kept = disabled.has("*") ? [] : DEFAULT_MULTI_POINT.filter((name) => !disabled.has(name));
  const defaults = kept.map((name): Listed => {
    const again = own.findLast((one) => one.name === name);
    if (again === undefined) return { name, weight: PLUGINS[name].weight ?? 0, field: "" };
    replaced.add(again);
    return again;
  });
  return [...defaults, ...own.filter((one) => !replaced.has(one))];
}

function expand(
  point: ExtensionPoint,
  own: readonly Listed[],
  multiPoint: readonly Listed[],
  set: PluginSet | undefined,
): PluginName[] {
  const names = [...new Set(own.map(({ name }) => name))];
  const disabled = namesOf(set?.disabled);
  if (disabled.has("*")) return names;
  const spread = [...new Set(multiPoint.map(({ name }) => name))].filter(
    (name) => implementsPoint(name, point) && !disabled.has(name),
  );
  const overridden = names.filter((name) => spread.includes(name));
  return [
    ...overridden,
    ...spread.filter((name) => !overridden.includes(name)),
    ...names.filter((name) => !overridden.includes(name)),
  ];
}

function namesOf(plugins: readonly { readonly name: string }[] | undefined): ReadonlySet<string> {
  return new Set((plugins ?? []).map(({ name }) => name));
}

function refuseTwice(listed: readonly Listed[], errors: FieldError[]): void {
  const seen = new Set<string>();
  for (const { name, field } of listed) {
    if (seen.has(name)) errors.push(duplicate(`${field}.name`, name));
    seen.add(name);
  }
}

/** The point's own list says the weight before MultiPoint does; a weight of 0 counts as 1. */
function weigh(
  scores: readonly PluginName[],
  listed: readonly Listed[],
  field: string,
  errors: FieldError[],
): Map<PluginName, number> {
  const weights = new Map<PluginName, number>();
  for (const { name, weight } of listed)
    if (scores.includes(name) && !weights.has(name)) weights.set(name, weight || 1);
  const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
  if (sum > MAX_WEIGHT_SUM)
    errors.push(invalid(`${field}.score`, sum, "total score of Score plugins could overflow"));
  return weights;
}
