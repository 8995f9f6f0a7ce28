/**
 * What each controller may do. ClusterRole `system:controller:<name>` is bound to ServiceAccount `kube-system/<name>`.
 * Source: api-policy 3.4; the notation: `policy-text.ts`.
 */
export const CONTROLLER_ROLES: Readonly<Record<string, string>> = {
  "attachdetach-controller": `
      core/{persistentvolumeclaims persistentvolumes}:list,watch; core/{nodes}:RO;
      core/{nodes/status}:update,patch; core/{pods}:list,watch; EV;
      storage/{volumeattachments}:RO,create,delete; storage/{csidrivers}:RO; storage/{csinodes}:RO`,
  "certificate-controller": `
      certs/{certificatesigningrequests}:RO,delete; certs/{certificatesigningrequests/approval
      certificatesigningrequests/status}:update;
      certs/{signers}[kubernetes.io/kube-apiserver-client-kubelet]:approve;
      certs/{signers}[kubernetes.io/kube-apiserver-client
      kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving
      kubernetes.io/legacy-unknown]:sign; authz/{subjectaccessreviews}:create; EV`,
  "clusterrole-aggregation-controller": `
      rbac/{clusterroles}:RO,update,patch,escalate`,
  "cronjob-controller": `
      batch/{cronjobs}:RO,update; batch/{jobs}:RO,create,update,patch,delete;
      batch/{cronjobs/status}:update; batch/{cronjobs/finalizers}:update;
      core/{pods}:list,watch,delete; EV`,
  "daemon-set-controller": `
      apps+extensions/{daemonsets}:RO; apps+extensions/{daemonsets/status}:update;
      apps+extensions/{daemonsets/finalizers}:update; core/{nodes}:list,watch;
      core/{pods}:list,watch,create,patch,delete; core/{pods/binding}:create;
      apps/{controllerrevisions}:RO,create,update,patch,delete; EV`,
  "deployment-controller": `
      apps+extensions/{deployments}:RO,update; apps+extensions/{deployments/status}:update;
      apps+extensions/{deployments/finalizers}:update;
      apps+extensions/{replicasets}:RO,create,update,patch,delete; core/{pods}:RO,update; EV`,
  "device-taint-eviction-controller": `
      core/{pods}:RO,delete; core/{pods/status}:update,patch; res/{resourceclaims}:RO;
      res/{resourceslices}:RO; res/{deviceclasses}:RO; EV`,
  "disruption-controller": `
      apps+extensions/{deployments}:RO; apps+extensions/{replicasets}:RO;
      core/{replicationcontrollers}:RO; policy/{poddisruptionbudgets}:RO; apps/{statefulsets}:RO;
      policy/{poddisruptionbudgets/status}:update; core/{pods/status}:update,patch; */{*/scale}:get;
      EV`,
  "endpoint-controller": `
      core/{pods services}:RO; core/{endpoints}:RO,create,update,delete;
      core/{endpoints/restricted}:create; EV`,
  "endpointslice-controller": `
      core/{nodes pods services}:RO; core/{services/finalizers}:update;
      disc/{endpointslices}:RO,create,update,delete; disc/{endpointslices/restricted}:create; EV`,
  "endpointslicemirroring-controller": `
      core/{endpoints services}:RO; core/{services/finalizers}:update;
      disc/{endpointslices}:RO,create,update,delete; disc/{endpointslices/restricted}:create; EV`,
  "ephemeral-volume-controller": `
      core/{pods}:RO; core/{pods/finalizers}:update; core/{persistentvolumeclaims}:RO,create; EV`,
  "expand-controller": `
      core/{persistentvolumes}:RO,update,patch; core/{persistentvolumeclaims/status}:update,patch;
      core/{persistentvolumeclaims}:RO; EV`,
  "generic-garbage-collector": `
      */{*}:RO,update,patch,delete; EV`,
  "horizontal-pod-autoscaler": `
      autoscaling/{horizontalpodautoscalers}:RO;
      autoscaling/{horizontalpodautoscalers/status}:update; */{*/scale}:get,update;
      core/{pods}:list,watch; metrics.k8s.io/{pods}:list,watch; custom.metrics.k8s.io/{*}:RO;
      external.metrics.k8s.io/{*}:RO; EV`,
  "job-controller": `
      batch/{jobs}:RO,update,patch; batch/{jobs/status}:update; batch/{jobs/finalizers}:update;
      core/{pods}:list,watch,create,patch,delete; EV`,
  "legacy-service-account-token-cleaner": `
      core/{configmaps}[kube-apiserver-legacy-service-account-token-tracking]:get;
      core/{secrets}:patch,delete`,
  "namespace-controller": `
      core/{namespaces}:RO,delete; core/{namespaces/finalize namespaces/status}:update;
      */{*}:RO,delete,deletecollection`,
  "node-controller": `
      core/{nodes}:RO,update,patch,delete; core/{nodes/status}:update,patch;
      core/{pods/status}:update,patch; core/{pods}:RO,delete; EV`,
  "persistent-volume-binder": `
      core/{persistentvolumes}:RO,create,update,delete; core/{persistentvolumes/status}:update;
      core/{persistentvolumeclaims}:RO,update; core/{persistentvolumeclaims/status}:update;
      core/{pods}:RO,create,delete; storage/{storageclasses}:RO; core/{nodes}:list,watch; EV;
      core/{events}:watch`,
  "pod-garbage-collector": `
      core/{pods}:list,watch,delete; core/{nodes}:RO; core/{pods/status}:patch`,
  "pv-protection-controller": `
      core/{persistentvolumes}:RO,update; EV`,
  "pvc-protection-controller": `
      core/{persistentvolumeclaims}:RO,update; core/{persistentvolumeclaims/status}:update;
      core/{pods}:RO; EV`,
  "replicaset-controller": `
      apps+extensions/{replicasets}:RO,update; apps+extensions/{replicasets/status}:update;
      apps+extensions/{replicasets/finalizers}:update; core/{pods}:list,watch,create,patch,delete;
      EV`,
  "replication-controller": `
      core/{replicationcontrollers}:RO,update; core/{replicationcontrollers/status}:update;
      core/{replicationcontrollers/finalizers}:update; core/{pods}:list,watch,create,patch,delete;
      EV`,
  "resource-claim-controller": `
      core/{pods}:RO; core/{pods/finalizers}:update; res/{resourceclaims}:RO,create,delete;
      res/{resourceclaims resourceclaims/status}:update,patch; core/{pods/status}:update,patch; EV;
      res/{resourceclaims/binding}:update,patch`,
  "resourcequota-controller": `
      */{*}:list,watch; core/{resourcequotas/status}:update; EV`,
  "root-ca-cert-publisher": `
      core/{configmaps}:create,update; EV`,
  "route-controller": `
      core/{nodes}:list,watch; core/{nodes/status}:patch; EV`,
  "selinux-warning-controller": `
      EV; core/{persistentvolumes}:RO; core/{persistentvolumeclaims}:RO; core/{pods}:RO;
      storage/{csidrivers}:RO`,
  "service-account-controller": `
      core/{serviceaccounts}:create; EV`,
  "service-cidrs-controller": `
      net/{servicecidrs}:RO,update,patch; net/{servicecidrs/finalizers}:update,patch;
      net/{servicecidrs/status}:update,patch; net/{ipaddresses}:RO; EV`,
  "service-controller": `
      core/{services}:RO; core/{services/status}:update,patch; core/{nodes}:list,watch; EV`,
  "statefulset-controller": `
      core/{pods}:list,watch; apps/{statefulsets}:RO; apps/{statefulsets/status}:update;
      apps/{statefulsets/finalizers}:update; core/{pods}:get,create,update,patch,delete;
      apps/{controllerrevisions}:RO,create,update,patch,delete;
      core/{persistentvolumeclaims}:RO,create; core/{persistentvolumeclaims}:update,delete;
      core/{pods/finalizers}:update; EV`,
  "ttl-after-finished-controller": `
      batch/{jobs}:RO,delete; EV`,
  "ttl-controller": `
      core/{nodes}:list,watch,update,patch; EV`,
  "validatingadmissionpolicy-status-controller": `
      admreg/{validatingadmissionpolicies}:RO;
      admreg/{validatingadmissionpolicies/status}:get,update,patch; EV`,
  "volumeattributesclass-protection-controller": `
      core/{persistentvolumeclaims}:RO; core/{persistentvolumes}:RO;
      storage/{volumeattributesclasses}:RO,update; EV`,
};
