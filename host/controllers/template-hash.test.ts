import { expect, test } from "vitest";
import type { V1PodTemplateSpec } from "../api/generated/types.ts";
import { dumpTemplate } from "./template-dump.ts";
import { sameTemplate, templateHash } from "./template-hash.ts";

/** A template as the API server stores it: one container, all defaults applied. */
function stored(app: string, image: string, imagePullPolicy: string): V1PodTemplateSpec {
  return {
    metadata: { labels: { app } },
    spec: {
      containers: [
        {
          name: "c",
          image,
          imagePullPolicy,
          resources: {},
          terminationMessagePath: "/dev/termination-log",
          terminationMessagePolicy: "File",
        },
      ],
      dnsPolicy: "ClusterFirst",
      restartPolicy: "Always",
      schedulerName: "default-scheduler",
      securityContext: {},
      terminationGracePeriodSeconds: 30,
    },
  };
}

// Taken from kube-controller-manager 1.36.
const GOLDEN_DUMP =
  "(v1.PodTemplateSpec){ObjectMeta:(v1.ObjectMeta){Name:(string) GenerateName:(string) Namespace:(string) SelfLink:(string) UID:(types.UID) ResourceVersion:(string) Generation:(int64)0 CreationTimestamp:(v1.Time){Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}} DeletionTimestamp:(*v1.Time)<nil> DeletionGracePeriodSeconds:(*int64)<nil> Labels:(map[string]string)map[app:web] Annotations:(map[string]string)<nil> OwnerReferences:([]v1.OwnerReference)<nil> Finalizers:([]string)<nil> ManagedFields:([]v1.ManagedFieldsEntry)<nil>} Spec:(v1.PodSpec){Volumes:([]v1.Volume)<nil> InitContainers:([]v1.Container)<nil> Containers:([]v1.Container)[{Name:(string)c Image:(string)nginx:1.27 Command:([]string)<nil> Args:([]string)<nil> WorkingDir:(string) Ports:([]v1.ContainerPort)<nil> EnvFrom:([]v1.EnvFromSource)<nil> Env:([]v1.EnvVar)<nil> Resources:(v1.ResourceRequirements){Limits:(v1.ResourceList)<nil> Requests:(v1.ResourceList)<nil> Claims:([]v1.ResourceClaim)<nil>} ResizePolicy:([]v1.ContainerResizePolicy)<nil> RestartPolicy:(*v1.ContainerRestartPolicy)<nil> RestartPolicyRules:([]v1.ContainerRestartRule)<nil> VolumeMounts:([]v1.VolumeMount)<nil> VolumeDevices:([]v1.VolumeDevice)<nil> LivenessProbe:(*v1.Probe)<nil> ReadinessProbe:(*v1.Probe)<nil> StartupProbe:(*v1.Probe)<nil> Lifecycle:(*v1.Lifecycle)<nil> TerminationMessagePath:(string)/dev/termination-log TerminationMessagePolicy:(v1.TerminationMessagePolicy)File ImagePullPolicy:(v1.PullPolicy)IfNotPresent SecurityContext:(*v1.SecurityContext)<nil> Stdin:(bool)false StdinOnce:(bool)false TTY:(bool)false}] EphemeralContainers:([]v1.EphemeralContainer)<nil> RestartPolicy:(v1.RestartPolicy)Always TerminationGracePeriodSeconds:(*int64)30 ActiveDeadlineSeconds:(*int64)<nil> DNSPolicy:(v1.DNSPolicy)ClusterFirst NodeSelector:(map[string]string)<nil> ServiceAccountName:(string) DeprecatedServiceAccount:(string) AutomountServiceAccountToken:(*bool)<nil> NodeName:(string) HostNetwork:(bool)false HostPID:(bool)false HostIPC:(bool)false ShareProcessNamespace:(*bool)<nil> SecurityContext:(*v1.PodSecurityContext){SELinuxOptions:(*v1.SELinuxOptions)<nil> WindowsOptions:(*v1.WindowsSecurityContextOptions)<nil> RunAsUser:(*int64)<nil> RunAsGroup:(*int64)<nil> RunAsNonRoot:(*bool)<nil> SupplementalGroups:([]int64)<nil> SupplementalGroupsPolicy:(*v1.SupplementalGroupsPolicy)<nil> FSGroup:(*int64)<nil> Sysctls:([]v1.Sysctl)<nil> FSGroupChangePolicy:(*v1.PodFSGroupChangePolicy)<nil> SeccompProfile:(*v1.SeccompProfile)<nil> AppArmorProfile:(*v1.AppArmorProfile)<nil> SELinuxChangePolicy:(*v1.PodSELinuxChangePolicy)<nil>} ImagePullSecrets:([]v1.LocalObjectReference)<nil> Hostname:(string) Subdomain:(string) Affinity:(*v1.Affinity)<nil> SchedulerName:(string)default-scheduler Tolerations:([]v1.Toleration)<nil> HostAliases:([]v1.HostAlias)<nil> PriorityClassName:(string) Priority:(*int32)<nil> DNSConfig:(*v1.PodDNSConfig)<nil> ReadinessGates:([]v1.PodReadinessGate)<nil> RuntimeClassName:(*string)<nil> EnableServiceLinks:(*bool)<nil> PreemptionPolicy:(*v1.PreemptionPolicy)<nil> Overhead:(v1.ResourceList)<nil> TopologySpreadConstraints:([]v1.TopologySpreadConstraint)<nil> SetHostnameAsFQDN:(*bool)<nil> OS:(*v1.PodOS)<nil> HostUsers:(*bool)<nil> SchedulingGates:([]v1.PodSchedulingGate)<nil> ResourceClaims:([]v1.PodResourceClaim)<nil> Resources:(*v1.ResourceRequirements)<nil> HostnameOverride:(*string)<nil> SchedulingGroup:(*v1.PodSchedulingGroup)<nil>}}";

test("prints a template as Go does", () => {
  expect(dumpTemplate(stored("web", "nginx:1.27", "IfNotPresent"))).toBe(GOLDEN_DUMP);
});

test.each([
  { name: "web", template: stored("web", "nginx:1.27", "IfNotPresent"), count: undefined, hash: "bfb6488d7" },
  {
    name: "web, collision 0",
    template: stored("web", "nginx:1.27", "IfNotPresent"),
    count: 0,
    hash: "5d86c984d7",
  },
  {
    name: "web, collision 1",
    template: stored("web", "nginx:1.27", "IfNotPresent"),
    count: 1,
    hash: "6cb4f5b94",
  },
  { name: "col", template: stored("col", "nginx", "Always"), count: undefined, hash: "5c995f58b9" },
  { name: "col, collision 1", template: stored("col", "nginx", "Always"), count: 1, hash: "66bd47d9bd" },
])("hash of $name is $hash", ({ template, count, hash }) => {
  expect(templateHash(template, count)).toBe(hash);
});

test.each([
  {
    quantity: "1Gi",
    wants:
      "value:(int64)1073741824 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)1Gi Format:(resource.Format)BinarySI",
  },
  {
    quantity: "64Mi",
    wants:
      "value:(int64)67108864 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string) Format:(resource.Format)BinarySI",
  },
  {
    quantity: "500m",
    wants:
      "value:(int64)500 scale:(resource.Scale)-3} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)500m Format:(resource.Format)DecimalSI",
  },
  {
    quantity: "2",
    wants:
      "value:(int64)2 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)2 Format:(resource.Format)DecimalSI",
  },
  {
    quantity: "0",
    wants:
      "value:(int64)0 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)0 Format:(resource.Format)DecimalSI",
  },
])("prints the quantity $quantity", ({ quantity, wants }) => {
  const template = stored("web", "nginx", "Always");
  template.spec!.containers[0]!.resources = { requests: { cpu: quantity } };
  expect(dumpTemplate(template)).toContain(
    `Requests:(v1.ResourceList)map[cpu:{i:(resource.int64Amount){${wants}}]`,
  );
});

test("templates are the same whatever the hash label and empty lists", () => {
  const plain = stored("web", "nginx", "Always");
  const hashed = stored("web", "nginx", "Always");
  hashed.metadata!.labels!["pod-template-hash"] = "abc";
  hashed.spec!.volumes = [];
  expect(sameTemplate(plain, hashed)).toBe(true);
  expect(sameTemplate(plain, stored("web", "nginx:2", "Always"))).toBe(false);
});
