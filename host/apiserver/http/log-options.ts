import { badRequest } from "../../apimachinery/errors.ts";
import { type FieldError, forbiddenField, invalid, invalidObject } from "../../apimachinery/field-error.ts";
import type { LogOptions } from "../subresources/log.ts";
import { integer } from "./options.ts";
import { isTrue } from "./request-info.ts";

/**
 * PodLogOptions as the query of `…/log` gives them. Source: kubelet 6.5.
 *
 * @throws 422 with every fault of the options; 400 for what is no number or no time
 */
export function readLogOptions(query: URLSearchParams, podName: string, nowMs: number): LogOptions {
  const number = (name: string) => {
    const text = query.get(name);
    return text ? integer(text) : undefined;
  };
  const errors: FieldError[] = [];
  const tailLines = number("tailLines");
  const limitBytes = number("limitBytes");
  const sinceSeconds = number("sinceSeconds");
  const sinceTime = query.get("sinceTime") || undefined;
  if (tailLines !== undefined && tailLines < 0)
    errors.push(invalid("tailLines", tailLines, "must be greater than or equal to 0"));
  if (limitBytes !== undefined && limitBytes < 1)
    errors.push(invalid("limitBytes", limitBytes, "must be greater than 0"));
  if (sinceSeconds !== undefined && sinceTime !== undefined)
    errors.push(forbiddenField("", "at most one of `sinceTime` or `sinceSeconds` may be specified"));
  else if (sinceSeconds !== undefined && sinceSeconds < 1)
    errors.push(invalid("sinceSeconds", sinceSeconds, "must be greater than 0"));
  if (query.has("stream")) errors.push(forbiddenField("stream", "may not be specified"));
  if (errors.length > 0)
    throw invalidObject({ kind: "PodLogOptions", group: "", plural: "" }, podName, errors);
  return {
    container: query.get("container") || undefined,
    follow: isTrue(query.get("follow")),
    previous: isTrue(query.get("previous")),
    timestamps: isTrue(query.get("timestamps")),
    sinceMs: sinceSeconds === undefined ? readTime(sinceTime) : nowMs - sinceSeconds * 1000,
    tailLines,
    limitBytes,
  };
}

function readTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    const layout = "2006-01-02T15:04:05Z07:00";
    throw badRequest(`parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse it`);
  }
  return ms;
}
