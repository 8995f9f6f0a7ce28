import { ApiError, badRequest } from "../../apimachinery/errors.ts";
import type { Api, Target } from "../api.ts";
import { type Answer, textAnswer } from "../http/answer.ts";
import { type ProxiedRequest, proxyHttp } from "./http-proxy.ts";
import { kubeletEndpoint } from "./kubelet-endpoint.ts";
import { parseProxyName, podTarget, serviceTarget } from "./proxy-target.ts";

/**
 * `…/pods/NAME/proxy/…` and `…/services/NAME/proxy/…`: HTTP with a pod, through the API server. Source: api-wire 17.
 *
 * @param url  of the request, undecoded
 * @returns    an answer of this server's own; undefined when the pod's has been sent
 */
export async function connectProxy(
  api: Api,
  { kind, namespace = "", name }: Target,
  url: string,
  request: Omit<ProxiedRequest, "path">,
): Promise<Answer | undefined> {
  if (kind.plural === "nodes") {
    await kubeletEndpoint(api, name, "nodes/proxy");
    throw new ApiError("", "nodes/proxy is not implemented by this server yet", {}, 501);
  }
  const [, path = "", query = ""] = /^[^?]*?\/proxy(\/[^?]*)?(\?.*)?$/.exec(url) ?? [];
  if (path === "" && request.method === "GET") {
    const [before = ""] = url.split("?");
    return { ...textAnswer(301, ""), headers: { Location: `${before}/${query}` } };
  }
  const named = parseProxyName(name);
  if (named === undefined) throw badRequest(`invalid ${kind.singular} request ${JSON.stringify(name)}`);
  const { dialer } = api;
  if (dialer === undefined) throw new ApiError("", "this API server has no way to pods", {}, 501);
  const address =
    kind.plural === "pods"
      ? await podTarget(api, namespace, named)
      : await serviceTarget(api, api.random, namespace, named);
  await proxyHttp(dialer, named.scheme, address, { ...request, path: `${path || "/"}${query}` });
  return undefined;
}
