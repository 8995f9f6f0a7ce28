import type { V1NodeAffinity, V1TopologySpreadConstraint } from "../../api/generated/types.ts";
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from "../../apimachinery/field-error.ts";
import { isQualifiedName } from "../../apimachinery/names.ts";
import { parseNodeAffinity } from "../node-affinity.ts";
import { checkRange, readDuration, readResources, readShape } from "./arg-fields.ts";
import type { WrittenArgs } from "./kube-scheduler-configuration.ts";
import type { PluginArgs, ScoringStrategy } from "./profile.ts";

export type ArgsPlugin = keyof PluginArgs;

/** Fills in the defaults of one plugin's arguments and checks them. Source: validation_pluginargs.go and the v1 defaults. */
type ArgsReader<Plugin extends ArgsPlugin> = (
  args: WrittenArgs[Plugin],
  field: string,
  errors: FieldError[],
) => PluginArgs[Plugin];

const STRATEGIES = ["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"] as const;
const DEFAULTING = ["System", "List"] as const;
const ACTIONS = ["DoNotSchedule", "ScheduleAnyway"];

export const ARGS_READERS: { readonly [Plugin in ArgsPlugin]: ArgsReader<Plugin> } = {
  DefaultPreemption: (args, field, errors) => {
    const { minCandidateNodesPercentage = 10, minCandidateNodesAbsolute = 100 } = args;
    const [percentage, absolute] = [
      `${field}.minCandidateNodesPercentage`,
      `${field}.minCandidateNodesAbsolute`,
    ];
    checkRange(percentage, minCandidateNodesPercentage, 0, 100, errors);
    if (minCandidateNodesAbsolute < 0)
      errors.push(invalid(absolute, minCandidateNodesAbsolute, "not in valid range [0, inf)"));
    if (minCandidateNodesPercentage === 0 && minCandidateNodesAbsolute === 0) {
      const zero = "cannot be zero at the same time as";
      errors.push(
        invalid(percentage, 0, `${zero} minCandidateNodesAbsolute`),
        invalid(absolute, 0, `${zero} minCandidateNodesPercentage`),
      );
    }
    return { minCandidateNodesPercentage, minCandidateNodesAbsolute };
  },

  InterPodAffinity: (args, field, errors) => {
    const { hardPodAffinityWeight = 1, ignorePreferredTermsOfExistingPods = false } = args;
    checkRange(`${field}.hardPodAffinityWeight`, hardPodAffinityWeight, 0, 100, errors);
    return { hardPodAffinityWeight, ignorePreferredTermsOfExistingPods };
  },

  NodeResourcesFit: (args, field, errors) => {
    const { ignoredResources = [], ignoredResourceGroups = [] } = args;
    ignoredResources.forEach((name, i) => {
      checkLabelName(`${field}.ignoredResources[${i}]`, name, errors);
    });
    ignoredResourceGroups.forEach((group, i) => {
      const at = `${field}.ignoredResourceGroups[${i}]`;
      if (group.includes("/")) errors.push(invalid(at, group, "resource group name can't contain '/'"));
      checkLabelName(at, group, errors);
    });
    return {
      ignoredResources,
      ignoredResourceGroups,
      scoringStrategy: readStrategy(args.scoringStrategy ?? {}, `${field}.scoringStrategy`, errors),
    };
  },

  NodeResourcesBalancedAllocation: (args, field, errors) => {
    const resources = readResources(args.resources, `${field}.resources`, errors);
    const seen = new Set<string>();
    resources.forEach(({ name, weight }, i) => {
      if (seen.has(name)) errors.push(duplicate(`${field}.resources[${i}].name`, name));
      seen.add(name);
      if (weight !== 1) errors.push(invalid(`${field}.resources[${i}].weight`, weight, "must be 1"));
    });
    return { resources: resources.map(({ name }) => name) };
  },

  PodTopologySpread: (args, field, errors) => {
    const { defaultingType = "System", defaultConstraints = [] } = args;
    const at = `${field}.defaultingType`;
    if (!isOneOf(DEFAULTING, defaultingType)) errors.push(notSupported(at, defaultingType, DEFAULTING));
    if (defaultingType === "System" && defaultConstraints.length > 0)
      errors.push(invalid(at, defaultingType, "when .defaultConstraints are not empty"));
    checkConstraints(defaultConstraints, `${field}.defaultConstraints`, errors);
    return { defaultingType: defaultingType === "List" ? "List" : "System", defaultConstraints };
  },

  NodeAffinity: ({ addedAffinity }, field, errors) => {
    checkAddedAffinity(addedAffinity, `${field}.addedAffinity`, errors);
    return { addedAffinity };
  },

  VolumeBinding: ({ bindTimeoutSeconds = 600, shape }, field, errors) => {
    if (bindTimeoutSeconds < 0) {
      const why = "invalid BindTimeoutSeconds, should not be a negative value";
      errors.push(invalid(`${field}.bindTimeoutSeconds`, bindTimeoutSeconds, why));
    }
    if (shape !== undefined) {
      const why = "unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring";
      errors.push(invalid(`${field}.shape`, shape, why));
    }
    return { bindTimeoutSeconds };
  },

  DynamicResources: ({ filterTimeout, bindingTimeout }, field, errors) => ({
    filterTimeoutMs: readDuration(filterTimeout, 10_000, `${field}.filterTimeout`, errors),
    bindingTimeoutMs: readDuration(bindingTimeout, 600_000, `${field}.bindingTimeout`, errors),
  }),
};

function isOneOf<const T extends string>(allowed: readonly T[], value: string): value is T {
  return (allowed as readonly string[]).includes(value);
}

function checkLabelName(field: string, name: string, errors: FieldError[]): void {
  for (const message of isQualifiedName(name)) errors.push(invalid(field, name, message));
}

function readStrategy(
  strategy: NonNullable<WrittenArgs["NodeResourcesFit"]["scoringStrategy"]>,
  field: string,
  errors: FieldError[],
): ScoringStrategy {
  const { type = "LeastAllocated" } = strategy;
  const isKnown = isOneOf(STRATEGIES, type);
  if (!isKnown) errors.push(notSupported(`${field}.type`, type, STRATEGIES));
  const resources = readResources(strategy.resources, `${field}.resources`, errors);
  resources.forEach(({ name, weight }, i) => {
    const why = `resource weight of ${name} not in valid range (0, 100]`;
    if (weight <= 0 || weight > 100) errors.push(invalid(`${field}.resources[${i}].weight`, weight, why));
  });
  const ratio = strategy.requestedToCapacityRatio;
  // kube-scheduler crashes without a shape; the words are those for an empty one.
  const isShaped = ratio !== undefined || type === "RequestedToCapacityRatio";
  const shape = isShaped ? readShape(ratio?.shape, `${field}.shape`, errors) : [];
  return { type: isKnown ? type : "LeastAllocated", resources, shape };
}

function checkConstraints(
  constraints: readonly V1TopologySpreadConstraint[],
  field: string,
  errors: FieldError[],
): void {
  const seen = new Set<string>();
  constraints.forEach(({ maxSkew, topologyKey, whenUnsatisfiable: action, labelSelector }, i) => {
    const at = `${field}[${i}]`;
    if (maxSkew <= 0) errors.push(invalid(`${at}.maxSkew`, maxSkew, "not in valid range (0, inf)"));
    if (topologyKey === "") errors.push(required(`${at}.topologyKey`, "can not be empty"));
    else checkLabelName(`${at}.topologyKey`, topologyKey, errors);
    if (action === "") errors.push(required(`${at}.whenUnsatisfiable`, "can not be empty"));
    else if (!ACTIONS.includes(action)) errors.push(notSupported(`${at}.whenUnsatisfiable`, action, ACTIONS));
    if (labelSelector !== undefined) {
      const why = "constraint must not define a selector, as they deduced for each pod";
      errors.push(forbiddenField(`${at}.labelSelector`, why));
    }
    const both = `{${topologyKey}, ${action}}`;
    if (seen.has(both)) errors.push(duplicate(at, both));
    seen.add(both);
  });
}

/** As a pod's, but a term that cannot be parsed is a mistake also where it is required: kube-scheduler does not start with it. */
function checkAddedAffinity(affinity: V1NodeAffinity | undefined, field: string, errors: FieldError[]): void {
  if (affinity !== undefined) parseNodeAffinity({}, affinity, { field, isStrict: true }, errors);
}
