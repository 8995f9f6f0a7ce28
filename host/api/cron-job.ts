import { type FieldError, invalid, required } from "../apimachinery/field-error.ts";
import { isDns1123Subdomain } from "../apimachinery/names.ts";
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
import { parseCronSchedule } from "./cron-schedule.ts";
import { formatAge } from "./duration.ts";
import { nonNegative, oneOf } from "./field-checks.ts";
import type { V1CronJob } from "./generated/types.ts";
import { validateJobSpec } from "./job-validation.ts";
import type { KindRules } from "./kind.ts";
import { nameWarnings, podSpecWarnings } from "./pod-spec/warnings.ts";
import { defaultTemplate } from "./pod-template.ts";

/** Go's printer writes a pointer to a bool as a word. */
function formatBoolean(value: boolean | undefined): string {
  return value === undefined ? UNSET : value ? "True" : "False";
}

const MAX_NAME = 52;

function validateSchedule(schedule: string, timeZone: string | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (schedule === "") errors.push(required("spec.schedule"));
  else if (/TZ/.test(schedule)) {
    const why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
    errors.push(invalid("spec.schedule", schedule, why));
  } else {
    const parsed = parseCronSchedule(schedule);
    if ("error" in parsed) errors.push(invalid("spec.schedule", schedule, parsed.error));
  }
  if (timeZone === undefined) return errors;
  if (timeZone === "")
    errors.push(invalid("spec.timeZone", timeZone, "timeZone must be nil or non-empty string"));
  else if (timeZone.toLowerCase() === "local") {
    const why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
    errors.push(invalid("spec.timeZone", timeZone, why));
  } else if (!isTimeZone(timeZone))
    errors.push(invalid("spec.timeZone", timeZone, `unknown time zone ${timeZone}`));
  return errors;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
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
  nameErrors(name) {
    // The Jobs are named after it, with eleven characters more.
    const long = name.length > MAX_NAME ? [`must be no more than ${MAX_NAME} characters`] : [];
    return [...isDns1123Subdomain(name), ...long];
  },
  warnings: (object, old) => [
    ...nameWarnings(object, old, "Pod names and hostnames"),
    ...podSpecWarnings("spec.jobTemplate.spec.template.spec", object.spec?.jobTemplate?.spec?.template?.spec),
  ],
  validate({ spec }) {
    return [
      ...validateSchedule(spec?.schedule ?? "", spec?.timeZone),
      ...nonNegative("spec.startingDeadlineSeconds", spec?.startingDeadlineSeconds),
      ...oneOf("spec.concurrencyPolicy", spec?.concurrencyPolicy, ["Allow", "Forbid", "Replace"]),
      ...nonNegative("spec.successfulJobsHistoryLimit", spec?.successfulJobsHistoryLimit),
      ...nonNegative("spec.failedJobsHistoryLimit", spec?.failedJobsHistoryLimit),
      ...(spec?.jobTemplate?.spec ? validateJobSpec("spec.jobTemplate.spec", spec.jobTemplate.spec) : []),
    ];
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
