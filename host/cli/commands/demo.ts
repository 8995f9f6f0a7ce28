import { Command } from "commander";
import * as kinds from "../../api/registry.ts";
import { type Clock, SystemClock, sleep } from "../../apimachinery/clock.ts";
import { packageFile } from "../../apimachinery/package-root.ts";
import type { Client } from "../../client/client.ts";
import { applyManifests } from "../apply-manifests.ts";
import { renderBanner, renderKubectlHint } from "../banner.ts";
import { Failure } from "../failure.ts";
import { type ClusterFlags, clusterFlags, holdCluster } from "../foreground.ts";
import { renderPlacement, renderServices } from "../output/placement.ts";

const ROLLOUT_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 20;

/** `pintle demo`: `up`, then manifests applied, then a picture of which pod went where; stays up. */
export function demoCommand(): Command {
  const command = new Command("demo")
    .description("start a cluster, apply manifests, show which pod went where, and stay up")
    .argument("[manifests...]", "files or folders to apply (default: examples/01-hello of this package)");
  for (const flag of clusterFlags()) command.addOption(flag);
  return command.action((manifests: string[], flags: ClusterFlags) =>
    holdCluster(flags, async (running) => {
      const { client } = running.cluster;
      process.stdout.write(renderBanner(running));
      const paths = manifests.length > 0 ? manifests : [packageFile("examples/01-hello")];
      for (const line of await applyManifests(client, paths)) process.stdout.write(`${line}\n`);
      await untilRolledOut(client, new SystemClock());
      process.stdout.write(
        `\n${await picture(client)}\n${renderKubectlHint(running, "get pods -o wide")}Ctrl-C stops it.\n`,
      );
    }),
  );
}

async function untilRolledOut(client: Client, clock: Clock): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
    const { items } = await client.list(kinds.Deployment);
    const missing = items.filter(
      (one) =>
        one.status?.observedGeneration !== one.metadata?.generation ||
        (one.status?.availableReplicas ?? 0) < (one.spec?.replicas ?? 1),
    );
    if (missing.length === 0) return;
    if (waitedMs >= ROLLOUT_LIMIT_MS)
      throw new Failure(
        `not rolled out within ${ROLLOUT_LIMIT_MS / 1000} s: ${missing.map((one) => one.metadata?.name).join(", ")}`,
      );
    await sleep(clock, LOOK_EVERY_MS);
  }
}

async function picture(client: Client): Promise<string> {
  const [nodes, pods, services] = await Promise.all([
    client.list(kinds.Node),
    client.list(kinds.Pod),
    client.list(kinds.Service),
  ]);
  return `${renderPlacement(nodes.items, pods.items)}\n${renderServices(services.items)}`;
}
