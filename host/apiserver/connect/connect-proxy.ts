import { ApiError, badRequest } from "../../apimachinery/errors.ts";
import type { Api, Target } from "../api.ts";
import { type Answer, textAnswer } from "../http/answer.ts";
import { type ProxiedRequest, proxyHttp } from "./http-proxy.ts";
import { kubeletEndpoint } from "./kubelet-endpoint.ts";
import { nodeTarget, parseProxyName, podTarget, serviceTarget } from "./proxy-target.ts";

/**
 * `…/pods/NAME/proxy/…`, `…/services/NAME/proxy/…` and `…/nodes/NAME/proxy/…`: HTTP with a pod, or with a node's kubelet,
 * through the API server. Source: api-wire 17.
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
  const [, path = "", query = ""] = /^[^?]*?\/proxy(\/[^?]*)?(\?.*)?$/.exec(url) ?? [];
  if (path === "" && request.method === "GET") {
    const [before = ""] = url.split("?");
    return { ...textAnswer(301, ""), headers: { Location: `${before}/${query}` } };
  }
  const named = parseProxyName(name);
  if (named === undefined) throw badRequest(`invalid ${kind.singular} request ${JSON.stringify(name)}`);
  const proxied = { ...request, path: `${path || "/"}${query}` };
  const kubelet = kind.plural === "nodes" ? await kubeletEndpoint(api, named.name, "nodes/proxy") : undefined;
  if (kubelet !== undefined && (named.port === undefined || named.port === String(kubelet.port))) {
    await api.kubelets.proxy(kubelet, proxied);
    return undefined;
  }
  const { dialer } = api;
  if (dialer === undefined) throw new ApiError("", "this API server has no way to pods", {}, 501);
  const address =
    kubelet !== undefined
      ? nodeTarget(kubelet.host, named.port ?? "")
      : kind.plural === "pods"
        ? await podTarget(api, namespace, named)
        : await serviceTarget(api, api.random, namespace, named);
  await proxyHttp(dialer, named.scheme, address, proxied);
  return undefined;
}
