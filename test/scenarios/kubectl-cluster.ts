import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import {
  kubectlFor,
  type PintleProcess,
  pintleUp,
  type Ran,
  removeFolder,
  temporaryFolder,
} from "./pintle-process.ts";

type Kubectl = ReturnType<typeof kubectlFor>;

/** A `pintle up` for the tests of a describe block, and the kubectl that speaks to it. */
export interface KubectlCluster {
  /** Of its own, gone with the cluster. */
  readonly folder: string;
  readonly cluster: () => PintleProcess;
  readonly kubectl: Kubectl;
  /** What it printed; a failure is an exception. */
  readonly ok: (args: string | readonly string[], input?: string) => Promise<string>;
}

/** Called in a describe block: the cluster starts before its tests, and ends after them. */
export function kubectlCluster(...flags: readonly string[]): KubectlCluster {
  const folder = temporaryFolder();
  let cluster: PintleProcess | undefined;
  let ask: Kubectl | undefined;
  beforeAll(async () => {
    cluster = await pintleUp(join(folder, "data"), ["--seed", "7", ...flags]);
    ask = kubectlFor(cluster.kubeconfig, join(folder, "cache"));
  });
  afterAll(async () => {
    await cluster?.stop();
    removeFolder(folder);
  });
  const kubectl = (...asked: Parameters<Kubectl>): Promise<Ran> => ask!(...asked);
  return {
    folder,
    cluster: () => cluster!,
    kubectl,
    ok: async (args, input) => {
      const ran = await kubectl(args, input === undefined ? {} : { input });
      if (ran.code !== 0) throw new Error(`kubectl ${args} exited ${ran.code}: ${ran.stderr}${ran.stdout}`);
      return ran.stdout;
    },
  };
}
