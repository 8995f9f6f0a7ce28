import type { V1Node, V1Pod } from "../api/generated/types.ts";

/**
 * The features of NodeDeclaredFeatures that the spec of a pod to be placed can need. Others are registered too, but matter to
 * updates and admission only. Source: component-helpers/nodedeclaredfeatures.
 */
const INFERRED: readonly { readonly name: string; readonly isNeeded: (pod: V1Pod) => boolean }[] = [
  { name: "RestartAllContainersOnContainerExits", isNeeded: restartsAllContainers },
  {
    name: "UserNamespacesHostNetworkSupport",
    isNeeded: ({ spec }) => spec?.hostNetwork === true && spec.hostUsers === false,
  },
];

function restartsAllContainers({ spec }: V1Pod): boolean {
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].some(({ restartPolicyRules }) =>
    restartPolicyRules?.some(({ action }) => action === "RestartAllContainers"),
  );
}

export function readRequiredFeatures(pod: V1Pod): string[] {
  return INFERRED.filter(({ isNeeded }) => isNeeded(pod)).map(({ name }) => name);
}

/** Those of the above that a node declares. */
export function readDeclaredFeatures({ status }: V1Node): string[] {
  return INFERRED.map(({ name }) => name).filter((name) => status?.declaredFeatures?.includes(name));
}
