import { ageColumn, column, containerColumns, formatSelector, nameColumn, wideColumn } from "./columns.ts";
import type { V1Deployment } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { defaultTemplate } from "./pod-template.ts";

/** Source: api-policy 5.3, 6.5; api-wire 13. */
export const deploymentRules: KindRules<V1Deployment> = {
  defaults(deployment) {
    const spec = deployment.spec;
    if (spec === undefined) return;
    spec.replicas ??= 1;
    spec.strategy ??= {};
    const strategy = spec.strategy;
    strategy.type ||= "RollingUpdate";
    if (strategy.type === "RollingUpdate") {
      strategy.rollingUpdate ??= {};
      const rolling = strategy.rollingUpdate;
      rolling.maxUnavailable ??= "25%";
      rolling.maxSurge ??= "25%";
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    defaultTemplate(spec.template);
  },
  columns: [
    nameColumn,
    column("Ready", ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    column("Up-to-date", ({ status }) => status?.updatedReplicas ?? 0),
    column("Available", ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    ...containerColumns<V1Deployment>(({ spec }) => spec?.template?.spec),
    wideColumn("Selector", ({ spec }) => formatSelector(spec?.selector)),
  ],
};
