// @ts-check
/**
 * Go's names for string types, which it prints when a value has the wrong type: `cannot unmarshal number into Go struct
 * field PodSpec.spec.restartPolicy of type v1.RestartPolicy`. Everything not named here is `string`.
 */
const GO_STRING_TYPES = {
  "types.UID":
    "meta.ObjectMeta.uid meta.OwnerReference.uid meta.Preconditions.uid meta.StatusDetails.uid core.v1.ObjectReference.uid",
  "v1.DeletionPropagation": "meta.DeleteOptions.propagationPolicy",
  "v1.ManagedFieldsOperationType": "meta.ManagedFieldsEntry.operation",
  "v1.LabelSelectorOperator": "meta.LabelSelectorRequirement.operator",
  "v1.ConditionStatus":
    "meta.Condition.status core.v1.NodeCondition.status core.v1.PodCondition.status core.v1.NamespaceCondition.status apps.v1.DeploymentCondition.status apps.v1.ReplicaSetCondition.status batch.v1.JobCondition.status",
  "v1.NodeConditionType": "core.v1.NodeCondition.type",
  "v1.PodConditionType": "core.v1.PodCondition.type core.v1.PodReadinessGate.conditionType",
  "v1.PullPolicy": "core.v1.Container.imagePullPolicy core.v1.EphemeralContainerCommon.imagePullPolicy",
  "v1.TerminationMessagePolicy":
    "core.v1.Container.terminationMessagePolicy core.v1.EphemeralContainerCommon.terminationMessagePolicy",
  "v1.Protocol":
    "core.v1.ContainerPort.protocol core.v1.ServicePort.protocol core.v1.EndpointPort.protocol discovery.v1.EndpointPort.protocol networking.v1.NetworkPolicyPort.protocol",
  "v1.URIScheme": "core.v1.HTTPGetAction.scheme",
  "v1.MountPropagationMode": "core.v1.VolumeMount.mountPropagation",
  "v1.StorageMedium": "core.v1.EmptyDirVolumeSource.medium",
  "v1.HostPathType": "core.v1.HostPathVolumeSource.type",
  "v1.RestartPolicy": "core.v1.PodSpec.restartPolicy",
  "v1.ContainerRestartPolicy": "core.v1.Container.restartPolicy",
  "v1.DNSPolicy": "core.v1.PodSpec.dnsPolicy",
  "v1.PreemptionPolicy": "core.v1.PodSpec.preemptionPolicy scheduling.v1.PriorityClass.preemptionPolicy",
  "v1.PodPhase": "core.v1.PodStatus.phase",
  "v1.PodQOSClass": "core.v1.PodStatus.qosClass",
  "v1.NodePhase": "core.v1.NodeStatus.phase",
  "v1.NodeAddressType": "core.v1.NodeAddress.type",
  "v1.NodeSelectorOperator": "core.v1.NodeSelectorRequirement.operator",
  "v1.TaintEffect": "core.v1.Taint.effect core.v1.Toleration.effect",
  "v1.TolerationOperator": "core.v1.Toleration.operator",
  "v1.UnsatisfiableConstraintAction": "core.v1.TopologySpreadConstraint.whenUnsatisfiable",
  "v1.NamespacePhase": "core.v1.NamespaceStatus.phase",
  "v1.FinalizerName": "core.v1.NamespaceSpec.finalizers",
  "v1.SecretType": "core.v1.Secret.type",
  "v1.ServiceType": "core.v1.ServiceSpec.type",
  "v1.ServiceAffinity": "core.v1.ServiceSpec.sessionAffinity",
  "v1.ServiceExternalTrafficPolicy": "core.v1.ServiceSpec.externalTrafficPolicy",
  "v1.ServiceInternalTrafficPolicy": "core.v1.ServiceSpec.internalTrafficPolicy",
  "v1.IPFamilyPolicy": "core.v1.ServiceSpec.ipFamilyPolicy",
  "v1.IPFamily": "core.v1.ServiceSpec.ipFamilies",
  "v1.PersistentVolumeAccessMode":
    "core.v1.PersistentVolumeSpec.accessModes core.v1.PersistentVolumeClaimSpec.accessModes core.v1.PersistentVolumeClaimStatus.accessModes",
  "v1.PersistentVolumeMode":
    "core.v1.PersistentVolumeSpec.volumeMode core.v1.PersistentVolumeClaimSpec.volumeMode",
  "v1.PersistentVolumeReclaimPolicy":
    "core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy storage.v1.StorageClass.reclaimPolicy",
  "v1.PersistentVolumePhase": "core.v1.PersistentVolumeStatus.phase",
  "v1.PersistentVolumeClaimPhase": "core.v1.PersistentVolumeClaimStatus.phase",
  "v1.ResourceQuotaScope":
    "core.v1.ResourceQuotaSpec.scopes core.v1.ScopedResourceSelectorRequirement.scopeName",
  "v1.LimitType": "core.v1.LimitRangeItem.type",
  "v1.Capability": "core.v1.Capabilities.add core.v1.Capabilities.drop",
  "v1.DeploymentStrategyType": "apps.v1.DeploymentStrategy.type",
  "v1.DaemonSetUpdateStrategyType": "apps.v1.DaemonSetUpdateStrategy.type",
  "v1.StatefulSetUpdateStrategyType": "apps.v1.StatefulSetUpdateStrategy.type",
  "v1.PodManagementPolicyType": "apps.v1.StatefulSetSpec.podManagementPolicy",
  "v1.ConcurrencyPolicy": "batch.v1.CronJobSpec.concurrencyPolicy",
  "v1.CompletionMode": "batch.v1.JobSpec.completionMode",
  "v2.MetricSourceType": "autoscaling.v2.MetricSpec.type",
  "v2.MetricTargetType": "autoscaling.v2.MetricTarget.type",
  "v1.AddressType": "discovery.v1.EndpointSlice.addressType",
  "v1.PathType": "networking.v1.HTTPIngressPath.pathType",
  "v1.PolicyType": "networking.v1.NetworkPolicySpec.policyTypes",
  "v1.VolumeBindingMode": "storage.v1.StorageClass.volumeBindingMode",
};

/** Writes `goType` on the fields; a name that leads nowhere is a mistake. @param {Record<string, import("./read-fields.mjs").Type>} types */
export function nameGoTypes(types) {
  for (const [goType, places] of Object.entries(GO_STRING_TYPES)) {
    for (const place of places.split(" ")) {
      const dot = place.lastIndexOf(".");
      const field = types[place.slice(0, dot)]?.fields.find(({ name }) => name === place.slice(dot + 1));
      if (field?.type !== "string") throw new Error(`go-types: ${place} is no string field`);
      field.goType = goType;
    }
  }
}
