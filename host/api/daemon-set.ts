import { deepEqual } from "../apimachinery/copy.ts";
import {
  ageColumn,
  column,
  containerColumns,
  formatLabels,
  formatSelector,
  integerColumn,
  nameColumn,
  wideColumn,
} from "./columns.ts";
import type { V1DaemonSet } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { defaultTemplate } from "./pod-template.ts";

/** Counts the changes of the template; a leftover of extensions/v1beta1 that the API server still keeps. */
const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

/** Source: api-policy 5.3, 6.5; api-wire 13. */
export const daemonSetRules: KindRules<V1DaemonSet> = {
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.updateStrategy ??= {};
    const strategy = spec.updateStrategy;
    strategy.type ||= "RollingUpdate";
    if (strategy.type === "RollingUpdate") {
      strategy.rollingUpdate ??= {};
      const rolling = strategy.rollingUpdate;
      rolling.maxUnavailable ??= 1;
      rolling.maxSurge ??= 0;
    }
    spec.revisionHistoryLimit ??= 10;
    defaultTemplate(spec.template);
  },
  prepareCreate(daemonSet) {
    setTemplateGeneration(daemonSet, 1);
    daemonSet.status = {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    };
  },
  prepareUpdate(daemonSet, old) {
    const before = Number(old.metadata?.annotations?.[TEMPLATE_GENERATION] ?? 0);
    const changed = !deepEqual(daemonSet.spec?.template, old.spec?.template);
    setTemplateGeneration(daemonSet, changed ? before + 1 : before);
  },
  columns: [
    nameColumn,
    integerColumn("Desired", ({ status }) => status?.desiredNumberScheduled),
    integerColumn("Current", ({ status }) => status?.currentNumberScheduled),
    integerColumn("Ready", ({ status }) => status?.numberReady),
    integerColumn("Up-to-date", ({ status }) => status?.updatedNumberScheduled),
    integerColumn("Available", ({ status }) => status?.numberAvailable),
    column("Node Selector", ({ spec }) => formatLabels(spec?.template?.spec?.nodeSelector)),
    ageColumn,
    ...containerColumns<V1DaemonSet>(({ spec }) => spec?.template?.spec),
    wideColumn("Selector", ({ spec }) => formatSelector(spec?.selector)),
  ],
};

function setTemplateGeneration(daemonSet: V1DaemonSet, generation: number): void {
  daemonSet.metadata ??= {};
  const metadata = daemonSet.metadata;
  metadata.annotations = { ...metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
}
