import type { V1Pod } from "../../api/generated/types.ts";
import { badRequest } from "../../apimachinery/errors.ts";
import type { Api, Target } from "../api.ts";
import type { Answer } from "../http/answer.ts";
import { containerOf } from "../subresources/container-choice.ts";
import { get } from "../verbs/get.ts";
import { kubeletEndpoint } from "./kubelet-endpoint.ts";
import type { Kubelets, Upgrade } from "./kubelets.ts";

export type PodStream = "exec" | "attach" | "portforward";

/** PodExecOptions -> what the kubelet calls it. */
const FLAGS = { stdin: "input", stdout: "output", stderr: "error", tty: "tty" } as const;

/**
 * `exec`, `attach` and `portforward`: the connection is handed through to the kubelet of the pod's node, which speaks the
 * client's own protocol. Source: api-wire 17.
 *
 * @param upgrade  absent: the client did not ask for one
 * @returns        an answer when there is nothing to hand through; undefined when the connection is the kubelet's now
 */
export async function connectPod(
  api: Api,
  tunnels: Kubelets,
  target: Target & { readonly subresource: PodStream },
  query: URLSearchParams,
  upgrade: Upgrade | undefined,
): Promise<Answer | undefined> {
  const pod = (await get(api, target)).object as V1Pod;
  const { namespace = "", name, subresource } = target;
  const container =
    subresource === "portforward" ? undefined : containerOf(pod, query.get("container") || undefined).name;
  const nodeName = pod.spec?.nodeName;
  if (!nodeName) throw badRequest(`pod ${name} does not have a host assigned`);
  const endpoint = await kubeletEndpoint(api, nodeName, `pods/${subresource}`);
  if (upgrade === undefined) throw badRequest("Upgrade request required");
  const place = [namespace, name, ...(container === undefined ? [] : [container])];
  const operation = subresource === "portforward" ? "portForward" : subresource;
  const asked = kubeletQuery(subresource, query).toString();
  const path = `/${operation}/${place.map(encodeURIComponent).join("/")}${asked === "" ? "" : `?${asked}`}`;
  return await tunnels.open(endpoint, path, upgrade);
}

function kubeletQuery(subresource: PodStream, query: URLSearchParams): URLSearchParams {
  const asked = new URLSearchParams();
  if (subresource === "portforward") {
    for (const port of query.getAll("ports")) asked.append("port", port);
    return asked;
  }
  for (const word of query.getAll("command")) asked.append("command", word);
  for (const [flag, name] of Object.entries(FLAGS)) if (query.get(flag) === "true") asked.set(name, "1");
  return asked;
}
