import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Claims } from "../../apimachinery/json-web-token.ts";
import type { Client } from "../../client/client.ts";
import type { HttpClient } from "../../client/http-client.ts";
import type { HttpConnectionOptions } from "../../client/http-connection.ts";
import type { ComponentFlags, RunnableComponent } from "../component.ts";
import { Failure } from "../failure.ts";
import { electionFlags, logLevelFlag, nodesFlag, readKubeconfigFlag } from "../flags.ts";
import { featureGatesFlag, readFeatureGates } from "../serving-flags.ts";

/** `pintle controller-manager`: the controllers, against any API server of ours. */
export function controllerManagerCommand(): Command {
  return component("controller-manager", "run the controllers against an API server")
    .addOption(
      new Option(
        "--root-ca-file <file>",
        "the authority that pods are told to trust (default: the kubeconfig's)",
      ),
    )
    .addOption(
      new Option(
        "--service-account-private-key-file <file>",
        "signs the tokens of Secrets that ask for one (pki/sa.key of the API server)",
      ),
    )
    .addOption(
      new Option(
        "--cluster-signing-cert-file <file>",
        "the authority that signs certificate requests (pki/ca.crt of the API server)",
      ),
    )
    .addOption(new Option("--cluster-signing-key-file <file>", "its key (pki/ca.key)"))
    .addOption(featureGatesFlag())
    .addOption(
      new Option("--use-service-account-credentials", "let each controller work as its own service account"),
    )
    .action((flags: ControllerFlags) =>
      run(flags, {
        name: "controller-manager",
        lease: "kube-controller-manager",
        start: async ({ access, ...parts }) => {
          const { startControllers } = await import("../../controllers/index.ts");
          const { useServiceAccountCredentials: ownAccounts } = flags;
          const accounts = ownAccounts ? await accountClients(parts.client, parts.clock, access) : undefined;
          const controllers = await startControllers({
            ...parts,
            rootCa: rootCa(flags.rootCaFile, access.ca),
            signToken: await tokenSigner(flags.serviceAccountPrivateKeyFile),
            signCertificate: await certificateSigner(flags),
            clientFor: accounts?.clientFor,
            featureGates: readFeatureGates(flags),
          });
          return {
            stop: async () => {
              await controllers.stop();
              accounts?.close();
            },
          };
        },
      }),
    );
}

interface ControllerFlags extends ComponentFlags {
  readonly rootCaFile?: string;
  readonly serviceAccountPrivateKeyFile?: string;
  readonly clusterSigningCertFile?: string;
  readonly clusterSigningKeyFile?: string;
  readonly useServiceAccountCredentials?: boolean;
  readonly featureGates?: string;
}

async function tokenSigner(path: string | undefined): Promise<((claims: Claims) => string) | undefined> {
  if (path === undefined) return undefined;
  const { parseTokenKey, signToken } = await import("../../apimachinery/json-web-token.ts");
  const key = parseTokenKey(readFileSync(path, "utf8"));
  return (claims) => signToken(claims, key);
}

/** Clients of service accounts in kube-system, behind the fence of the component's own. */
async function accountClients(client: Client, clock: Clock, access: HttpConnectionOptions) {
  const { createServiceAccountClient } = await import("../../client/service-account-client.ts");
  const { behindSameFence } = await import("../../client/fenced-client.ts");
  const made: HttpClient[] = [];
  return {
    clientFor: (name: string) => {
      const account = { namespace: "kube-system", name };
      const own = createServiceAccountClient({ client, account, access, clock });
      made.push(own);
      return behindSameFence(client, own);
    },
    close: () => {
      for (const one of made) one.close();
    },
  };
}

/** `pintle kubelet`: simulated nodes. */
export function kubeletCommand(): Command {
  return component("kubelet", "run simulated nodes against an API server")
    .addOption(nodesFlag())
    .action((flags: ComponentFlags & { nodes: number }) =>
      run(flags, {
        name: "kubelet",
        lease: "pintle-simulated-kubelet",
        start: async ({ access: _, ...parts }) => {
          const { startSimulatedKubelet } = await import("../../kubelet/simulated.ts");
          return await startSimulatedKubelet({ ...parts, nodes: flags.nodes });
        },
      }),
    );
}

/** Loaded when one is called. */
export async function run(flags: ComponentFlags, component: RunnableComponent): Promise<void> {
  const { runComponent } = await import("../component.ts");
  await runComponent(flags, component);
}

export function component(name: string, description: string): Command {
  const command = new Command(name).description(description).addOption(readKubeconfigFlag());
  for (const flag of electionFlags()) command.addOption(flag);
  return command.addOption(logLevelFlag("info"));
}

/** Both files, or neither: then requests stay unsigned. */
async function certificateSigner(flags: ControllerFlags) {
  const { clusterSigningCertFile: cert, clusterSigningKeyFile: key } = flags;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new Failure("--cluster-signing-cert-file and --cluster-signing-key-file are only of use together");
  const { requestSigner } = await import("../../security/sign-request.ts");
  return requestSigner({ caCert: readFileSync(cert, "utf8"), caKey: readFileSync(key, "utf8") });
}

function rootCa(file: string | undefined, ofKubeconfig: string | undefined): string {
  if (file !== undefined) return readFileSync(file, "utf8");
  if (ofKubeconfig === undefined)
    throw new Failure("the kubeconfig names no certificate authority; name one with --root-ca-file");
  return ofKubeconfig;
}
