import type { RoleText } from "./policy-text.ts";

/**
 * The ClusterRoles that Kubernetes makes at start, less those of its controllers. A role with a binding of the same
 * name says whom it is bound to. Source: api-policy 3.4, a dump of a 1.36 server; the notation: `policy-text.ts`.
 */
export const CLUSTER_ROLES: readonly RoleText[] = [
  {
    name: "admin",
    aggregates: "aggregate-to-admin",
  },
  {
    name: "cluster-admin",
    boundTo: ["Group system:masters"],
    rules: `
      */{*}:*; URL{*}:*`,
  },
  {
    name: "edit",
    label: "aggregate-to-admin",
    aggregates: "aggregate-to-edit",
  },
  {
    name: "system:aggregate-to-admin",
    label: "aggregate-to-admin",
    rules: `
      authz/{localsubjectaccessreviews}:create; rbac/{rolebindings roles}:RWX`,
  },
  {
    name: "system:aggregate-to-edit",
    label: "aggregate-to-edit",
    rules: `
      core/{pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy}:RO;
      core/{serviceaccounts}:impersonate; core/{pods pods/attach pods/exec pods/portforward
      pods/proxy}:RW; core/{pods/eviction}:create; core/{configmaps persistentvolumeclaims
      replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services
      services/proxy}:RW; core/{serviceaccounts/token}:create; core+events.k8s.io/{events}:RW;
      apps/{daemonsets deployments deployments/rollback deployments/scale replicasets
      replicasets/scale statefulsets statefulsets/scale}:RW;
      autoscaling/{horizontalpodautoscalers}:RW; batch/{cronjobs jobs}:RW; extensions/{daemonsets
      deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets
      replicasets/scale replicationcontrollers/scale}:RW; policy/{poddisruptionbudgets}:RW;
      net/{ingresses networkpolicies}:RW; coord/{leases}:RWX; res/{resourceclaims
      resourceclaimtemplates}:RW`,
  },
  {
    name: "system:aggregate-to-view",
    label: "aggregate-to-view",
    rules: `
      core/{configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods
      replicationcontrollers replicationcontrollers/scale serviceaccounts services
      services/status}:RO; core/{bindings limitranges namespaces/status pods/log pods/status
      replicationcontrollers/status resourcequotas resourcequotas/status}:RO; core/{namespaces}:RO;
      core+events.k8s.io/{events}:RO; disc/{endpointslices}:RO; apps/{controllerrevisions daemonsets
      daemonsets/status deployments deployments/scale deployments/status replicasets
      replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status}:RO;
      autoscaling/{horizontalpodautoscalers horizontalpodautoscalers/status}:RO; batch/{cronjobs
      cronjobs/status jobs jobs/status}:RO; extensions/{daemonsets daemonsets/status deployments
      deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets
      replicasets/scale replicasets/status replicationcontrollers/scale}:RO;
      policy/{poddisruptionbudgets poddisruptionbudgets/status}:RO; net/{ingresses ingresses/status
      networkpolicies}:RO; res/{resourceclaims resourceclaims/status resourceclaimtemplates}:RO`,
  },
  {
    name: "system:auth-delegator",
    rules: `
      authn/{tokenreviews}:create; authz/{subjectaccessreviews}:create`,
  },
  {
    name: "system:basic-user",
    boundTo: ["Group system:authenticated"],
    rules: `
      authz/{selfsubjectaccessreviews selfsubjectrulesreviews}:create;
      authn/{selfsubjectreviews}:create`,
  },
  {
    name: "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
    rules: `
      certs/{certificatesigningrequests/nodeclient}:create`,
  },
  {
    name: "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
    rules: `
      certs/{certificatesigningrequests/selfnodeclient}:create`,
  },
  {
    name: "system:certificates.k8s.io:kube-apiserver-client-approver",
    rules: `
      certs/{signers}[kubernetes.io/kube-apiserver-client]:approve`,
  },
  {
    name: "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
    rules: `
      certs/{signers}[kubernetes.io/kube-apiserver-client-kubelet]:approve`,
  },
  {
    name: "system:certificates.k8s.io:kubelet-serving-approver",
    rules: `
      certs/{signers}[kubernetes.io/kubelet-serving]:approve`,
  },
  {
    name: "system:certificates.k8s.io:legacy-unknown-approver",
    rules: `
      certs/{signers}[kubernetes.io/legacy-unknown]:approve`,
  },
  {
    name: "system:discovery",
    boundTo: ["Group system:authenticated"],
    rules: `
      URL{/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version
      /version/}:get`,
  },
  {
    name: "system:heapster",
    rules: `
      core/{events namespaces nodes pods}:RO; extensions/{deployments}:RO`,
  },
  {
    name: "system:kube-aggregator",
    rules: `
      core/{endpoints services}:RO`,
  },
  {
    name: "system:kube-controller-manager",
    boundTo: ["User system:kube-controller-manager"],
    rules: `
      EV; coord/{leases}:create; coord/{leases}[kube-controller-manager]:get,update; core/{secrets
      serviceaccounts}:create; core/{secrets}:delete; core/{configmaps namespaces secrets
      serviceaccounts}:get; core/{secrets serviceaccounts}:update; authn/{tokenreviews}:create;
      authz/{subjectaccessreviews}:create; */{*}:list,watch; core/{serviceaccounts/token}:create`,
  },
  {
    name: "system:kube-dns",
    boundTo: ["ServiceAccount kube-system/kube-dns"],
    rules: `
      core/{endpoints services}:list,watch`,
  },
  {
    name: "system:kube-scheduler",
    boundTo: ["User system:kube-scheduler"],
    rules: `
      EV; coord/{leases}:create; coord/{leases}[kube-scheduler]:RO,update;
      coord/{leasecandidates}:RWX; core/{nodes}:RO; core/{pods}:RO,delete; core/{bindings
      pods/binding}:create; core/{pods/status}:update,patch; core/{replicationcontrollers
      services}:RO; apps+extensions/{replicasets}:RO; apps/{statefulsets}:RO;
      policy/{poddisruptionbudgets}:RO; core/{persistentvolumeclaims persistentvolumes}:RO;
      authn/{tokenreviews}:create; authz/{subjectaccessreviews}:create; storage/{csinodes}:RO;
      storage/{volumeattachments}:RO; core/{namespaces}:RO; storage/{csidrivers}:RO;
      storage/{csistoragecapacities}:RO; res/{deviceclasses}:RO;
      res/{resourceclaims}:RO,update,patch; res/{resourceclaims/status}:RO,update,patch;
      core/{pods/finalizers}:update; res/{resourceslices}:RO; res/{resourceclaims}:create,delete;
      res/{resourceclaims/binding}:update,patch`,
  },
  {
    name: "system:kubelet-api-admin",
    rules: `
      core/{nodes}:RO; core/{nodes}:proxy; core/{nodes/log nodes/metrics nodes/proxy nodes/stats}:*;
      core/{nodes/configz nodes/healthz nodes/pods}:*`,
  },
  {
    name: "system:monitoring",
    boundTo: ["Group system:monitoring"],
    rules: `
      URL{/flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*
      /statusz}:get; core/{nodes/metrics}:get`,
  },
  {
    name: "system:node",
    boundTo: [],
    rules: `
      authn/{tokenreviews}:create; authz/{localsubjectaccessreviews subjectaccessreviews}:create;
      core/{services}:RO; core/{nodes}:RO,create; core/{nodes/status}:update,patch;
      core/{nodes}:update,patch; EV; core/{pods}:RO; core/{pods}:create,delete;
      core/{pods/status}:update,patch; core/{pods/eviction}:create; core/{configmaps secrets}:RO;
      core/{persistentvolumeclaims persistentvolumes}:get; core/{endpoints}:get;
      certs/{certificatesigningrequests}:RO,create; coord/{leases}:get,create,update,patch,delete;
      storage/{volumeattachments}:get; core/{serviceaccounts/token}:create;
      core/{persistentvolumeclaims/status}:get,update,patch; storage/{csidrivers}:RO;
      storage/{csinodes}:get,create,update,patch,delete; node.k8s.io/{runtimeclasses}:RO;
      res/{resourceclaims}:get; res/{resourceslices}:deletecollection; core/{serviceaccounts}:get`,
  },
  {
    name: "system:node-bootstrapper",
    rules: `
      certs/{certificatesigningrequests}:RO,create`,
  },
  {
    name: "system:node-problem-detector",
    rules: `
      core/{nodes}:get; core/{nodes/status}:patch; EV`,
  },
  {
    name: "system:node-proxier",
    boundTo: ["User system:kube-proxy"],
    rules: `
      core/{endpoints services}:list,watch; core/{nodes}:RO; EV; net/{servicecidrs}:list,watch;
      disc/{endpointslices}:list,watch`,
  },
  {
    name: "system:persistent-volume-provisioner",
    rules: `
      core/{persistentvolumes}:RO,create,delete; core/{persistentvolumeclaims}:RO,update;
      storage/{storageclasses}:RO; core/{events}:watch; EV`,
  },
  {
    name: "system:public-info-viewer",
    boundTo: ["Group system:authenticated", "Group system:unauthenticated"],
    rules: `
      URL{/healthz /livez /readyz /version /version/}:get`,
  },
  {
    name: "system:service-account-issuer-discovery",
    boundTo: ["Group system:serviceaccounts"],
    rules: `
      URL{/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks
      /openid/v1/jwks/}:get`,
  },
  {
    name: "system:volume-scheduler",
    boundTo: ["User system:kube-scheduler"],
    rules: `
      core/{persistentvolumes}:RO,update,patch; storage/{storageclasses}:RO;
      core/{persistentvolumeclaims}:RO,update,patch`,
  },
  {
    name: "view",
    label: "aggregate-to-edit",
    aggregates: "aggregate-to-view",
  },
];
