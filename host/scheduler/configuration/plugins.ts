/** The extension points that a profile may list plugins for, in the order in which one pod meets them. */
export const EXTENSION_POINTS = [
  "preEnqueue",
  "queueSort",
  "preFilter",
  "filter",
  "postFilter",
  "preScore",
  "score",
  "reserve",
  "permit",
  "preBind",
  "bind",
  "postBind",
] as const;
export type ExtensionPoint = (typeof EXTENSION_POINTS)[number];

interface Plugin {
  /** What it implements. A plugin listed at another point is a mistake. */
  readonly points: readonly ExtensionPoint[];
  /** Its weight in the default profile, where that is not 1. */
  readonly weight?: number;
  /** Its gate is alpha and off in 1.36: known by name, and not to be had. */
  readonly isOff?: true;
}

/** The plugins of kube-scheduler 1.36, in the order of its default MultiPoint list. */
const TABLE = {
  SchedulingGates: { points: ["preEnqueue"] },
  PrioritySort: { points: ["queueSort"] },
  NodeUnschedulable: { points: ["filter"] },
  NodeName: { points: ["filter"] },
  TaintToleration: { points: ["filter", "preScore", "score"], weight: 3 },
  NodeAffinity: { points: ["preFilter", "filter", "preScore", "score"], weight: 2 },
  NodePorts: { points: ["preFilter", "filter"] },
  NodeResourcesFit: { points: ["preFilter", "filter", "preScore", "score"] },
  VolumeRestrictions: { points: ["preFilter", "filter"] },
  NodeVolumeLimits: { points: ["preFilter", "filter"] },
  VolumeBinding: { points: ["preFilter", "filter", "preScore", "score", "reserve", "preBind"] },
  VolumeZone: { points: ["preFilter", "filter"] },
  PodTopologySpread: { points: ["preFilter", "filter", "preScore", "score"], weight: 2 },
  InterPodAffinity: { points: ["preFilter", "filter", "preScore", "score"], weight: 2 },
  DynamicResources: {
    points: ["preEnqueue", "preFilter", "filter", "postFilter", "score", "reserve", "preBind"],
    weight: 2,
  },
  DefaultPreemption: { points: ["preEnqueue", "postFilter"] },
  NodeResourcesBalancedAllocation: { points: ["preScore", "score"] },
  ImageLocality: { points: ["score"] },
  DefaultBinder: { points: ["bind"] },
  NodeDeclaredFeatures: { points: ["preFilter", "filter"] },
  GangScheduling: { points: ["preEnqueue", "permit"], isOff: true },
  TopologyPlacementGenerator: { points: [], isOff: true },
  PodGroupPodsCount: { points: [], isOff: true },
} as const satisfies Record<string, Plugin>;

export type PluginName = keyof typeof TABLE;

export const PLUGINS: Readonly<Record<PluginName, Plugin>> = TABLE;

/** Plugins of older releases: a configuration that names one is told so. */
export const REMOVED_PLUGINS: readonly string[] = [
  "AzureDiskLimits",
  "CinderLimits",
  "EBSLimits",
  "GCEPDLimits",
];

/** What MultiPoint lists when nobody says otherwise: every plugin whose gate is on. */
export const DEFAULT_MULTI_POINT: readonly PluginName[] = (Object.keys(TABLE) as PluginName[]).filter(
  (name) => PLUGINS[name].isOff !== true,
);

export function isPluginName(name: string): name is PluginName {
  return Object.hasOwn(TABLE, name);
}

export function implementsPoint(name: PluginName, point: ExtensionPoint): boolean {
  return PLUGINS[name].points.includes(point);
}
