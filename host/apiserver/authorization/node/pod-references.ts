import type { V1Pod, V1PodSpec, V1Volume } from "../../../api/generated/types.ts";

/** What a pod needs from the API to run, as `plural/namespace/name`. Source: Node authorizer's graph (api-policy 3.6). */
export function podReferences(pod: V1Pod): Set<string> {
  const { namespace = "", name = "" } = pod.metadata ?? {};
  const found = new Set<string>();
  const add = (plural: string, of: string | undefined) => {
    if (of) found.add(referenceKey(plural, namespace, of));
  };
  const { spec } = pod;
  if (spec === undefined) return found;
  add("serviceaccounts", spec.serviceAccountName);
  for (const { name: secret } of spec.imagePullSecrets ?? []) add("secrets", secret);
  for (const volume of spec.volumes ?? []) addVolume(volume, name, add);
  for (const container of containersOf(spec)) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      add("configmaps", configMapRef?.name);
      add("secrets", secretRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add("configmaps", valueFrom?.configMapKeyRef?.name);
      add("secrets", valueFrom?.secretKeyRef?.name);
    }
  }
  for (const { resourceClaimName } of pod.status?.resourceClaimStatuses ?? [])
    add("resourceclaims", resourceClaimName);
  for (const { resourceClaimName } of spec.resourceClaims ?? []) add("resourceclaims", resourceClaimName);
  return found;
}

export function referenceKey(plural: string, namespace: string, name: string): string {
  return `${plural}/${namespace}/${name}`;
}

function containersOf(spec: V1PodSpec) {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
}

function addVolume(volume: V1Volume, podName: string, add: (plural: string, name?: string) => void): void {
  add("secrets", volume.secret?.secretName);
  add("configmaps", volume.configMap?.name);
  add("persistentvolumeclaims", volume.persistentVolumeClaim?.claimName);
  if (volume.ephemeral !== undefined) add("persistentvolumeclaims", `${podName}-${volume.name}`);
  for (const source of volume.projected?.sources ?? []) {
    add("secrets", source.secret?.name);
    add("configmaps", source.configMap?.name);
  }
  // Drivers that take their credentials from a secret beside the pod.
  add("secrets", volume.azureFile?.secretName);
  const drivers = [
    volume.cephfs,
    volume.rbd,
    volume.flexVolume,
    volume.scaleIO,
    volume.iscsi,
    volume.storageos,
  ];
  for (const driver of drivers) add("secrets", driver?.secretRef?.name);
  add("secrets", volume.cinder?.secretRef?.name);
  add("secrets", volume.csi?.nodePublishSecretRef?.name);
}

/** Audiences of the tokens that a pod's volumes ask for; undefined stands for the API's own. */
export function tokenAudiences(pod: V1Pod): Set<string | undefined> {
  const sources = (pod.spec?.volumes ?? []).flatMap((volume) => volume.projected?.sources ?? []);
  return new Set(
    sources.flatMap(({ serviceAccountToken: token }) => (token ? [token.audience || undefined] : [])),
  );
}
