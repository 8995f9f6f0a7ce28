import type { V1Container, V1Pod, V1ServiceAccount, V1Volume } from "../../api/generated/types.ts";
import { Pod, ServiceAccount } from "../../api/registry.ts";
import { sleep } from "../../apimachinery/clock.ts";
import { forbidden } from "../../apimachinery/errors.ts";
import { randomSuffix } from "../../apimachinery/random.ts";
import type { Api } from "../api.ts";
import type { Admission, Attributes } from "./chain.ts";
import { isOf, oneOf } from "./look-up.ts";

const MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME_PREFIX = "kube-api-access-";
/** A new namespace's `default` account is made by a controller; a pod that comes first waits a little for it. */
const DEFAULT_ACCOUNT_TRIES = 10;
const DEFAULT_ACCOUNT_WAIT_MS = 150;

/** Gives a pod its account and the token volume. Source: api-policy 4.3. */
export const serviceAccount: Admission = (api, attributes) =>
  attributes.verb === "create" && isOf(attributes, Pod) ? giveAccount(api, attributes) : undefined;

async function giveAccount(api: Api, attributes: Attributes): Promise<void> {
  const { kind, namespace, name, object } = attributes;
  const pod = object as V1Pod;
  const { spec } = pod;
  if (spec === undefined || namespace === undefined) return;
  if (pod.metadata?.annotations?.["kubernetes.io/config.mirror"] !== undefined) {
    if (spec.serviceAccountName) {
      throw forbidden(kind, name, "a mirror pod may not reference service accounts");
    }
    return;
  }
  spec.serviceAccountName = spec.serviceAccountName || "default";
  spec.serviceAccount = spec.serviceAccountName;
  const account = await findAccount(api, namespace, spec.serviceAccountName);
  if (account === undefined) {
    const accountName = spec.serviceAccountName;
    const why = `error looking up service account ${namespace}/${accountName}: serviceaccount "${accountName}" not found`;
    throw forbidden(kind, name, why);
  }
  if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)
    mountToken(api, spec);
  if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
    spec.imagePullSecrets = account.imagePullSecrets.map((one) => ({ ...one }));
  }
}

async function findAccount(api: Api, namespace: string, name: string): Promise<V1ServiceAccount | undefined> {
  for (let tries = 0; ; tries++) {
    const found = await oneOf(api, ServiceAccount, name, namespace);
    if (found !== undefined || name !== "default" || tries === DEFAULT_ACCOUNT_TRIES) return found;
    await sleep(api.clock, DEFAULT_ACCOUNT_WAIT_MS);
  }
}

function mountToken(api: Api, spec: NonNullable<V1Pod["spec"]>): void {
  const needing = [...(spec.initContainers ?? []), ...spec.containers].filter(
    (container) => !container.volumeMounts?.some((mount) => mount.mountPath === MOUNT_PATH),
  );
  if (needing.length === 0) return;
  const existing = spec.volumes?.find((volume) => volume.name.startsWith(VOLUME_PREFIX));
  const volumeName = existing?.name ?? VOLUME_PREFIX + randomSuffix(api.random);
  for (const container of needing) addMount(container, volumeName);
  if (existing === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(volumeName)];
}

function addMount(container: V1Container, name: string): void {
  container.volumeMounts = [
    ...(container.volumeMounts ?? []),
    { name, readOnly: true, mountPath: MOUNT_PATH },
  ];
}

function tokenVolume(name: string): V1Volume {
  const namespaceItem = {
    path: "namespace",
    fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" },
  };
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        { downwardAPI: { items: [namespaceItem] } },
      ],
      defaultMode: 420,
    },
  };
}
