import { readConfigurationFile } from "../scheduler/configuration/configuration-file.ts";
import type { KubeSchedulerConfiguration } from "../scheduler/configuration/kube-scheduler-configuration.ts";
import { readConfiguration } from "../scheduler/configuration/read-configuration.ts";
import type { ComponentFlags } from "./component.ts";

/**
 * What a KubeSchedulerConfiguration says of how the component runs. Flags that are given on the command line stand before
 * the file, as in kube-scheduler.
 *
 * @param isGiven  whether the user gave the flag of this name
 * @throws ConfigurationFileError for a file with mistakes
 */
export function configuredFlags<Flags extends ComponentFlags>(
  file: string,
  flags: Flags,
  isGiven: (name: string) => boolean,
): { readonly config: KubeSchedulerConfiguration; readonly flags: Flags; readonly lease: string } {
  const config = readConfigurationFile(file);
  const { leaderElection } = readConfiguration(config);
  const said = {
    leaderElect: leaderElection.leaderElect,
    leaderElectLeaseDuration: leaderElection.leaseDurationMs,
    leaderElectRenewDeadline: leaderElection.renewDeadlineMs,
    leaderElectRetryPeriod: leaderElection.retryPeriodMs,
    leaderElectResourceNamespace: leaderElection.resourceNamespace,
    ...(config.clientConnection?.kubeconfig ? { kubeconfig: config.clientConnection.kubeconfig } : {}),
  };
  const taken = Object.fromEntries(Object.entries(said).filter(([name]) => !isGiven(name)));
  return { config, flags: { ...flags, ...taken }, lease: leaderElection.resourceName };
}
