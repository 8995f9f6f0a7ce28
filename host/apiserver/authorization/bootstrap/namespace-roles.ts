import type { RoleText } from "./policy-text.ts";

/** Roles in single namespaces, each with a RoleBinding. `bindingName` absent: the role's own name. Source: api-policy 3.4. */
export interface NamespaceRoleText extends RoleText {
  readonly namespace: string;
  readonly bindingName?: string;
  readonly rules: string;
}

const LOCK =
  "coord/{leases}:create,get,list,update,watch; coord/{leasecandidates}:create,get,list,update,watch";

export const NAMESPACE_ROLES: readonly NamespaceRoleText[] = [
  {
    namespace: "kube-system",
    name: "extension-apiserver-authentication-reader",
    bindingName: "system::extension-apiserver-authentication-reader",
    boundTo: ["User system:kube-controller-manager", "User system:kube-scheduler"],
    rules: "core/{configmaps}[extension-apiserver-authentication]:RO",
  },
  {
    namespace: "kube-system",
    name: "system::leader-locking-kube-controller-manager",
    boundTo: ["User system:kube-controller-manager", "ServiceAccount kube-system/kube-controller-manager"],
    rules: LOCK,
  },
  {
    namespace: "kube-system",
    name: "system::leader-locking-kube-scheduler",
    boundTo: ["User system:kube-scheduler", "ServiceAccount kube-system/kube-scheduler"],
    rules: LOCK,
  },
  {
    namespace: "kube-system",
    name: "system:controller:bootstrap-signer",
    boundTo: ["ServiceAccount kube-system/bootstrap-signer"],
    rules: "core/{secrets}:RO",
  },
  {
    namespace: "kube-system",
    name: "system:controller:cloud-provider",
    boundTo: ["ServiceAccount kube-system/cloud-provider"],
    rules: "core/{configmaps}:create,RO",
  },
  {
    namespace: "kube-system",
    name: "system:controller:token-cleaner",
    boundTo: ["ServiceAccount kube-system/token-cleaner"],
    rules: "core/{secrets}:RO,delete; EV",
  },
  {
    namespace: "kube-public",
    name: "system:controller:bootstrap-signer",
    boundTo: ["ServiceAccount kube-system/bootstrap-signer"],
    rules: "core/{configmaps}:RO; core/{configmaps}[cluster-info]:update; EV",
  },
];
