import { decodeValue } from "../../apimachinery/decode.ts";
import { DecodeError } from "../../apimachinery/decode-error.ts";
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notFoundValue,
} from "../../apimachinery/field-error.ts";
import { unknownField } from "./arg-fields.ts";
import type { KubeSchedulerProfile, PluginConfig } from "./kube-scheduler-configuration.ts";
import { mergePlugins, removedPlugin } from "./merge-plugins.ts";
import { ARGS_READERS, type ArgsPlugin } from "./plugin-args.ts";
import { implementsPoint, isPluginName, type PluginName, REMOVED_PLUGINS } from "./plugins.ts";
import { DEFAULT_SCHEDULER_NAME, type PluginArgs, type Profile } from "./profile.ts";
import { configurationSchema, configurationType } from "./schema.ts";

/** A profile with its plugins merged and its arguments read. Mistakes go into `errors`; what is returned is then of no use. */
export function readProfile(profile: KubeSchedulerProfile, field: string, errors: FieldError[]): Profile {
  const merged = mergePlugins(profile.plugins, `${field}.plugins`, errors);
  checkNeeds(merged.plugins, `${field}.plugins`, profile.schedulerName ?? "", errors);
  return {
    schedulerName: profile.schedulerName ?? DEFAULT_SCHEDULER_NAME,
    ...merged,
    args: readArgs(profile.pluginConfig ?? [], `${field}.pluginConfig`, errors),
  };
}

/** NodeAffinity's Filter looks at the pod itself; that of others reads what their PreFilter left. */
const FILTERS_ALONE: readonly PluginName[] = ["NodeAffinity"];

/**
 * Refuses lists with which kube-scheduler does not start, or fails every pod: a plugin's later point reads what its earlier
 * one has left.
 */
function checkNeeds(plugins: Profile["plugins"], field: string, name: string, errors: FieldError[]): void {
  if (plugins.queueSort.length !== 1) {
    const why = `only one queue sort plugin required for profile with scheduler name ${JSON.stringify(name)}, but got ${plugins.queueSort.length}`;
    errors.push(invalid(`${field}.queueSort`, plugins.queueSort, why));
  }
  if (plugins.bind.length === 0) {
    const why = `at least one bind plugin is needed for profile with scheduler name ${JSON.stringify(name)}`;
    errors.push(invalid(`${field}.bind`, plugins.bind, why));
  }
  needs("filter", "preFilter", FILTERS_ALONE);
  needs("postFilter", "preFilter", []);
  needs("score", "preScore", []);

  function needs(
    point: "filter" | "postFilter" | "score",
    before: "preFilter" | "preScore",
    alone: readonly PluginName[],
  ) {
    for (const plugin of plugins[point]) {
      if (!implementsPoint(plugin, before) || plugins[before].includes(plugin) || alone.includes(plugin))
        continue;
      const why = `plugin "${plugin}" cannot ${point} when it is disabled as ${before} plugin`;
      errors.push(forbiddenField(`${field}.${point}`, why));
    }
  }
}

function readArgs(configs: readonly PluginConfig[], field: string, errors: FieldError[]): PluginArgs {
  const written = new Map<string, readonly [object, string]>();
  const seen = new Set<string>();
  configs.forEach(({ name, args }, i) => {
    const at = `${field}[${i}]`;
    if (seen.has(name)) errors.push(duplicate(at, name));
    seen.add(name);
    if (REMOVED_PLUGINS.includes(name)) errors.push(removedPlugin(at, name));
    else if (!isPluginName(name)) errors.push(notFoundValue(`${at}.name`, name));
    else if (args !== undefined)
      written.set(name, [decodeArgs(name, args, `${at}.args`, errors), `${at}.args`]);
  });
  const read = (Object.keys(ARGS_READERS) as ArgsPlugin[]).map((plugin) => {
    const [args, at] = written.get(plugin) ?? [{}, field];
    return [plugin, readOne(plugin, args, at, errors)] as const;
  });
  return Object.fromEntries(read) as unknown as PluginArgs;
}

function readOne<Plugin extends ArgsPlugin>(
  plugin: Plugin,
  args: object,
  field: string,
  errors: FieldError[],
): PluginArgs[Plugin] {
  // Decoded by the schema of just this plugin's arguments.
  return ARGS_READERS[plugin](args as Parameters<(typeof ARGS_READERS)[Plugin]>[0], field, errors);
}

function decodeArgs(name: PluginName, args: object, field: string, errors: FieldError[]): object {
  const kind = `${name}Args`;
  const type = configurationType(kind);
  if (type === undefined) {
    errors.push(forbiddenField(field, `plugin "${name}" takes no arguments`));
    return {};
  }
  const said = (args as { kind?: unknown }).kind;
  if (said !== undefined && said !== kind) {
    errors.push(invalid(`${field}.kind`, said, `has to match plugin args ${kind}`));
    return {};
  }
  try {
    const decoded = decodeValue(configurationSchema(), type, args);
    for (const unknown of decoded.unknownFields) errors.push(unknownField(`${field}.${unknown}`));
    return decoded.value as object;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    errors.push({
      reason: "FieldValueInvalid",
      field,
      message: `decoding args for plugin ${name}: ${error.message}`,
    });
    return {};
  }
}
