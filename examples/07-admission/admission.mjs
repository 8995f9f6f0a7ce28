// What may come into a cluster, and as what: two policies in CEL, without any server of their own.
import { kinds, startCluster } from "pintle";

const cluster = await startCluster({ nodes: 1, seed: 7 });
const { client } = cluster;

const pods = { operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] };
const matchConstraints = { resourceRules: [pods] };

// No image without a version.
await client.create(kinds.ValidatingAdmissionPolicy, {
  metadata: { name: "versions" },
  spec: {
    matchConstraints,
    validations: [
      {
        expression: "object.spec.containers.all(c, c.image.contains(':'))",
        messageExpression: "'say which version of ' + object.spec.containers[0].image",
      },
    ],
  },
});
await client.create(kinds.ValidatingAdmissionPolicyBinding, {
  metadata: { name: "versions" },
  spec: { policyName: "versions", validationActions: ["Deny"] },
});

// Every pod says who made it.
const expression = 'Object{metadata: Object.metadata{labels: {"made-by": request.userInfo.username}}}';
await client.create(kinds.MutatingAdmissionPolicy, {
  metadata: { name: "makers" },
  spec: {
    matchConstraints,
    reinvocationPolicy: "Never",
    mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression } }],
  },
});
await client.create(kinds.MutatingAdmissionPolicyBinding, {
  metadata: { name: "makers" },
  spec: { policyName: "makers" },
});

const pod = (name, image) => ({
  metadata: { name, namespace: "default" },
  spec: { containers: [{ name: "web", image }] },
});
await client.create(kinds.Pod, pod("any", "nginx")).catch(({ message }) => console.log(message));
const made = await client.create(kinds.Pod, pod("one", "nginx:1.27"));
console.log(`${made.metadata.name} was made by ${made.metadata.labels["made-by"]}`);
await cluster.stop();
