import type { Environment } from "@marcbachmann/cel-js";
import { registerAuthorizer } from "./authorizer.ts";
import { celEnvironment } from "./program.ts";

/** Which variables an expression of a webhook or a policy may speak of, besides object, oldObject and request. */
export interface AdmissionVariables {
  readonly authorizer?: true;
  readonly params?: true;
  readonly namespaceObject?: true;
}

const GROUP_VERSION_KIND = { group: "string", version: "string", kind: "string" };
const GROUP_VERSION_RESOURCE = { group: "string", version: "string", resource: "string" };

/** AdmissionRequest without the objects. Source: k8s.io/apiserver/pkg/admission/plugin/cel, BuildRequestType. */
const REQUEST = {
  kind: GROUP_VERSION_KIND,
  resource: GROUP_VERSION_RESOURCE,
  subResource: "string",
  requestKind: GROUP_VERSION_KIND,
  requestResource: GROUP_VERSION_RESOURCE,
  requestSubResource: "string",
  name: "string",
  namespace: "string",
  operation: "string",
  userInfo: { username: "string", uid: "string", groups: "list<string>", extra: "map<string, list<string>>" },
  dryRun: "bool",
  options: "dyn",
};

/** CEL as expressions of admission see it. What is declared costs time: keep what is made. */
export function admissionEnvironment({
  authorizer,
  params,
  namespaceObject,
}: AdmissionVariables): Environment {
  const environment = celEnvironment()
    .registerVariable("object", "dyn")
    .registerVariable("oldObject", "dyn")
    .registerVariable({ name: "request", schema: REQUEST });
  if (authorizer) registerAuthorizer(environment);
  if (params) environment.registerVariable("params", "dyn");
  if (namespaceObject) environment.registerVariable("namespaceObject", "dyn");
  return environment;
}
