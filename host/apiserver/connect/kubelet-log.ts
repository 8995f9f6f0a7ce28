import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import type { V1Pod } from "../../api/generated/types.ts";
import type { Api } from "../api.ts";
import type { Answer } from "../http/answer.ts";
import type { Connection } from "../http/resource-handler.ts";
import { containerOf } from "../subresources/container-choice.ts";
import { kubeletEndpoint } from "./kubelet-endpoint.ts";
import { readRefusal } from "./kubelets.ts";

/** How the kubelet calls the fields of PodLogOptions: the same, but for the container, which stands in the path. */
const OPTIONS = [
  "follow",
  "limitBytes",
  "previous",
  "sinceSeconds",
  "sinceTime",
  "tailLines",
  "timestamps",
] as const;

/**
 * A container's log as the kubelet of its node gives it. Source: api-wire 17.
 *
 * @returns the kubelet's refusal; undefined when the log is on its way
 */
export async function kubeletLog(
  api: Api,
  pod: V1Pod,
  nodeName: string,
  query: URLSearchParams,
  { onGone, takeOver }: Connection,
): Promise<Answer | undefined> {
  const { namespace = "", name = "" } = pod.metadata ?? {};
  const container = containerOf(pod, query.get("container") || undefined).name;
  const endpoint = await kubeletEndpoint(api, nodeName, "pods/log");
  const asked = new URLSearchParams();
  for (const option of OPTIONS) if (query.get(option)) asked.set(option, query.get(option)!);
  const place = [namespace, name, container].map(encodeURIComponent).join("/");
  const answer = await api.kubelets.get(endpoint, `/containerLogs/${place}?${asked}`, onGone);
  if (answer.statusCode !== 200) return await readRefusal(answer);
  // The compatibility layers type their methods apart, but behave alike.
  const response = takeOver(200) as ServerResponse;
  response.writeHead(200, { "Content-Type": "text/plain" });
  // A log that is followed may say nothing for long.
  if ("flushHeaders" in response) response.flushHeaders();
  pipeline(answer, response, () => answer.destroy());
  return undefined;
}
