import {
  ageColumn,
  column,
  containerColumns,
  formatSelector,
  integerColumn,
  NONE,
  nameColumn,
  UNSET,
  wideColumn,
} from "./columns.ts";
import { formatAge } from "./duration.ts";
import type { V1CronJob } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { defaultTemplate } from "./pod-template.ts";

/** Go's printer writes a pointer to a bool as a word. */
export function formatBoolean(value: boolean | undefined): string {
  return value === undefined ? UNSET : value ? "True" : "False";
}

/** Source: api-policy 5.3, 6.5; api-wire 13. */
export const cronJobRules: KindRules<V1CronJob> = {
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.concurrencyPolicy ||= "Allow";
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    defaultTemplate(spec.jobTemplate?.spec?.template);
  },
  prepareCreate(cronJob) {
    cronJob.status = {};
  },
  columns: [
    nameColumn,
    column("Schedule", ({ spec }) => spec?.schedule ?? ""),
    column("Timezone", ({ spec }) => spec?.timeZone ?? NONE),
    column("Suspend", ({ spec }) => formatBoolean(spec?.suspend), { type: "boolean" }),
    integerColumn("Active", ({ status }) => status?.active?.length),
    column("Last Schedule", ({ status }, nowMs) =>
      status?.lastScheduleTime ? formatAge(status.lastScheduleTime, nowMs) : NONE,
    ),
    ageColumn,
    ...containerColumns<V1CronJob>(({ spec }) => spec?.jobTemplate?.spec?.template?.spec),
    wideColumn("Selector", ({ spec }) => formatSelector(spec?.jobTemplate?.spec?.selector)),
  ],
};
