import { deepEqual } from "../apimachinery/copy.ts";
import { invalid } from "../apimachinery/field-error.ts";
import { ageColumn, column, containerColumns, formatSelector, nameColumn, wideColumn } from "./columns.ts";
import { formatAge, formatDuration } from "./duration.ts";
import type { V1Job } from "./generated/types.ts";
import { validateJob, validateJobUpdate } from "./job-validation.ts";
import type { KindRules } from "./kind.ts";
import { nameWarnings, podSpecWarnings } from "./pod-spec/warnings.ts";
import { defaultTemplate } from "./pod-template.ts";

const UNLIMITED = 2_147_483_647;
const CONTROLLER_UID = "batch.kubernetes.io/controller-uid";
const JOB_NAME = "batch.kubernetes.io/job-name";

function status(job: V1Job): string {
  const has = (type: string) =>
    job.status?.conditions?.some((one) => one.type === type && one.status === "True");
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (job.metadata?.deletionTimestamp) return "Terminating";
  return ["Suspended", "FailureTarget", "SuccessCriteriaMet"].find(has) ?? "Running";
}

function completions({ spec, status }: V1Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function duration({ status }: V1Job, nowMs: number): string {
  if (!status?.startTime) return "";
  if (!status.completionTime) return formatAge(status.startTime, nowMs);
  return formatDuration(Date.parse(status.completionTime) - Date.parse(status.startTime));
}

/** Ties the Job to its pods by its own uid, which nobody else can select by chance. */
function generateSelector(job: V1Job): void {
  const { spec, metadata } = job;
  if (spec === undefined || spec.manualSelector || !metadata?.uid) return;
  spec.template.metadata ??= {};
  const template = spec.template.metadata;
  const own = { [CONTROLLER_UID]: metadata.uid, [JOB_NAME]: metadata.name ?? "" };
  template.labels = {
    ...template.labels,
    ...own,
    "controller-uid": metadata.uid,
    "job-name": metadata.name ?? "",
  };
  spec.selector ??= {};
  const selector = spec.selector;
  selector.matchLabels = { ...selector.matchLabels, [CONTROLLER_UID]: metadata.uid };
}

/** Source: api-policy 5.3, 6.5; api-wire 13, 20. */
export const jobRules: KindRules<V1Job> = {
  defaults({ metadata, spec }) {
    if (spec === undefined) return;
    if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
    spec.parallelism ??= 1;
    spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : UNLIMITED;
    spec.completionMode ??= "NonIndexed";
    spec.suspend ??= false;
    spec.podReplacementPolicy ??= spec.podFailurePolicy ? "Failed" : "TerminatingOrFailed";
    spec.manualSelector ??= false;
    for (const rule of spec.podFailurePolicy?.rules ?? [])
      for (const pattern of rule.onPodConditions ?? []) pattern.status ||= "True";
    const labels = spec.template?.metadata?.labels;
    if (labels && metadata && Object.keys(metadata.labels ?? {}).length === 0)
      metadata.labels = { ...labels };
    defaultTemplate(spec.template);
  },
  prepareCreate(job) {
    const labelled = Object.keys(job.metadata?.labels ?? {}).length > 0;
    generateSelector(job);
    const labels = job.spec?.template?.metadata?.labels;
    if (!labelled && labels && job.metadata) job.metadata.labels = { ...labels };
    job.status = {};
  },
  validate: validateJob,
  warnings: (object, old) => [
    ...nameWarnings(object, old, "Pod names and hostnames"),
    ...podSpecWarnings("spec.template.spec", object.spec?.template?.spec),
  ],
  validateCreate({ metadata, spec }) {
    const own = { matchLabels: { [CONTROLLER_UID]: metadata?.uid } };
    return spec === undefined || spec.manualSelector || deepEqual(spec.selector, own)
      ? []
      : [invalid("spec.selector", spec.selector, "`selector` not auto-generated")];
  },
  validateUpdate: validateJobUpdate,
  columns: [
    nameColumn,
    column("Status", status),
    column("Completions", completions),
    column("Duration", duration),
    ageColumn,
    ...containerColumns<V1Job>(({ spec }) => spec?.template?.spec),
    wideColumn("Selector", ({ spec }) => formatSelector(spec?.selector)),
  ],
  selectableFieldNames: ["status.successful"],
  selectableFields: ({ status }) => ({ "status.successful": String(status?.succeeded ?? 0) }),
};
