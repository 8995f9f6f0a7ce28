/** Keys as Kubernetes' in etcd. Names of pods are random, so they come in no order. */
export function podKey(number: number): string {
  const suffix = ((number * 2_654_435_761) % 2 ** 32).toString(36).padStart(7, "0");
  return `/registry/pods/default/web-${suffix}-${String(number).padStart(8, "0")}`;
}
