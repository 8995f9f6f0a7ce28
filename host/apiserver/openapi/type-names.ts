/** The names OpenAPI gives to types: the reversed path of their Go package. */
const PACKAGES: Readonly<Record<string, string>> = {
  meta: "io.k8s.apimachinery.pkg.apis.meta.v1",
  runtime: "io.k8s.apimachinery.pkg.runtime",
  apiextensions: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
  apiregistration: "io.k8s.kube-aggregator.pkg.apis.apiregistration",
};

/** `core.v1.Pod` -> `io.k8s.api.core.v1.Pod` */
export function openApiName(type: string): string {
  // Types of custom resources have their OpenAPI name from the start.
  if (type.startsWith("custom:")) return type.slice("custom:".length);
  if (type === "Quantity") return "io.k8s.apimachinery.pkg.api.resource.Quantity";
  if (type === "IntOrString") return "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
  const [home = "", ...rest] = type.split(".");
  return `${PACKAGES[home] ?? `io.k8s.api.${home}`}.${rest.join(".")}`;
}
