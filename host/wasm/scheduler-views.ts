import type { CapacityName, CoreCapacity } from "./scheduler-facts.ts";
import { type Flavour, instantiateScheduler, type SchedulerExports } from "./scheduler-module.ts";
import { openTable, type TableView } from "./table-view.ts";

/** An instance with its tables laid out for this capacity. */
export function reserve(flavour: Flavour, capacity: CoreCapacity): SchedulerExports {
  const core = instantiateScheduler(flavour);
  // `reserve` takes its dimensions in the order of the enum.
  const names = (Object.keys(core.Capacity) as (CapacityName | "count")[])
    .filter((name) => name !== "count")
    .sort((a, b) => core.Capacity[a] - core.Capacity[b]);
  const rows = names.map((name) => capacity[name]) as Parameters<SchedulerExports["reserve"]>;
  const code = core.reserve(...rows);
  if (code !== core.Code.ok)
    throw new Error(`the scheduler core cannot reserve ${JSON.stringify(capacity)}: code ${code}`);
  return core;
}

/** The tables that are not of topology, each with the enum that describes its rows. */
const ROWS = {
  state: "StateField",
  nodes: "NodeField",
  extended: "ExtendedField",
  usedPorts: "UsedPortsField",
  classes: "ClassField",
  verdicts: "VerdictField",
  extendedRequests: "ExtendedRequestField",
  classPorts: "ClassPortsField",
  requests: "RequestField",
  results: "ResultField",
  evaluations: "EvaluationField",
  scores: "ScoreField",
  profiles: "ProfileField",
  profileFilters: "ProfileFilterField",
  scoreWeights: "ScoreWeightField",
  utilizationScores: "UtilizationScoreField",
  scoredResources: "ScoredResourceField",
  images: "ImageField",
  imageNodes: "ImageNodesField",
  classImages: "ClassImageField",
} as const;

export type Views = {
  readonly [Name in keyof typeof ROWS]: TableView<SchedulerExports[(typeof ROWS)[Name]]>;
};

/** Opens a view per field of these tables. */
export function openViews(core: SchedulerExports): Views {
  const { memory, Table } = core;
  const open = (name: keyof typeof ROWS) =>
    openTable(memory, core[ROWS[name]], core.tableAddress(Table[name]) >>> 0);
  const names = Object.keys(ROWS) as (keyof typeof ROWS)[];
  return Object.fromEntries(names.map((name) => [name, open(name)])) as Views;
}
