// An operator: for every Website there is a Deployment, which it owns, and the Website's status says how many of its pods are ready.
// Usage: node operator.mjs [KUBECONFIG]
import * as k8s from "@kubernetes/client-node";

const config = new k8s.KubeConfig();
if (process.argv[2]) config.loadFromFile(process.argv[2]);
else config.loadFromDefault();
const apps = config.makeApiClient(k8s.AppsV1Api);
const custom = config.makeApiClient(k8s.CustomObjectsApi);
const WEBSITES = { group: "example.com", version: "v1", plural: "websites" };
const apply = k8s.setHeaderOptions("Content-Type", "application/apply-patch+yaml");
const merge = k8s.setHeaderOptions("Content-Type", k8s.PatchStrategy.MergePatch);

/** What should be there for a Website. */
function deploymentFor({ metadata, spec }) {
  const { name, namespace, uid } = metadata;
  const labels = { website: name };
  const owner = { apiVersion: "example.com/v1", kind: "Website", name, uid, controller: true };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, ownerReferences: [owner] },
    spec: {
      replicas: spec.replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "web", image: spec.image }] } },
    },
  };
}

async function reconcile(website) {
  const { name, namespace } = website.metadata;
  const at = { name, namespace, fieldManager: "website-operator", force: true };
  const { status } = await apps.patchNamespacedDeployment({ ...at, body: deploymentFor(website) }, apply);
  const wanted = { replicas: status?.replicas ?? 0, readyReplicas: status?.readyReplicas ?? 0 };
  if (JSON.stringify(wanted) === JSON.stringify(website.status)) return;
  await custom.patchNamespacedCustomObjectStatus(
    { ...WEBSITES, name, namespace, body: { status: wanted } },
    merge,
  );
  console.log(`${namespace}/${name}: ${wanted.readyReplicas} of ${website.spec.replicas} ready`);
}

/** One Website at a time; what comes meanwhile is looked at afterwards. */
const waiting = new Map();
let working = false;
async function work() {
  if (working) return;
  working = true;
  while (waiting.size > 0) {
    const [key, website] = waiting.entries().next().value;
    waiting.delete(key);
    await reconcile(website).catch((error) => console.error(`${key}: ${error.message}`));
  }
  working = false;
}
function look(website) {
  waiting.set(`${website.metadata.namespace}/${website.metadata.name}`, website);
  void work();
}

const websites = k8s.makeInformer(config, "/apis/example.com/v1/websites", () =>
  custom.listClusterCustomObject(WEBSITES),
);
const deployments = k8s.makeInformer(config, "/apis/apps/v1/deployments", () =>
  apps.listDeploymentForAllNamespaces(),
);
for (const event of ["add", "update"]) {
  websites.on(event, look);
  deployments.on(event, ({ metadata }) => {
    const owner = metadata.ownerReferences?.find(({ kind }) => kind === "Website");
    const website = owner && websites.get(owner.name, metadata.namespace);
    if (website) look(website);
  });
}
await websites.start();
await deployments.start();
console.log("watching Websites");
