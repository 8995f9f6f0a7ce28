import { type FieldError, invalid, required } from "../apimachinery/field-error.ts";
import { isQualifiedName } from "../apimachinery/names.ts";
import { checked } from "./field-checks.ts";
import type { CoreV1Event } from "./generated/types.ts";

const MAX_REASON = 128;
const MAX_ACTION = 128;
const MAX_NOTE = 1024;

/**
 * An event is written where its object is; about an object without a namespace in `default` (or `kube-system`). One
 * with an eventTime comes from a recorder of the new style and must say more of itself.
 * Source: k8s.io/kubernetes/pkg/apis/core/validation/events.go.
 */
export function validateEvent(event: CoreV1Event): FieldError[] {
  const namespace = event.metadata?.namespace ?? "";
  const about = event.involvedObject?.namespace ?? "";
  const errors: FieldError[] = [];
  const fits = about === "" ? namespace === "default" || namespace === "kube-system" : about === namespace;
  if (!fits) errors.push(invalid("involvedObject.namespace", about, "does not match event.namespace"));
  return event.eventTime ? [...errors, ...validateNewStyle(event)] : errors;
}

/** What a recorder of the new style says of every event. */
export function validateNewStyle(event: CoreV1Event): FieldError[] {
  const { reportingComponent, reportingInstance, action, reason, type, message = "" } = event;
  const errors: FieldError[] = [];
  if (!reportingComponent) errors.push(required("reportingController"));
  else
    errors.push(...checked("reportingController", reportingComponent, isQualifiedName(reportingComponent)));
  errors.push(...named("reportingInstance", reportingInstance, MAX_REASON));
  errors.push(...named("action", action, MAX_ACTION));
  errors.push(...named("reason", reason, MAX_REASON));
  if (message.length > MAX_NOTE)
    errors.push(invalid("message", "", `can have at most ${MAX_NOTE} characters`));
  if (type !== "Normal" && type !== "Warning")
    errors.push(invalid("type", "", `has invalid value: ${type ?? ""}`));
  return errors;
}

function named(field: string, value: string | undefined, max: number): FieldError[] {
  if (!value) return [required(field)];
  return value.length > max ? [invalid(field, "", `can have at most ${max} characters`)] : [];
}
