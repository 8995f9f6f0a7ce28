import { type Command, Option } from "commander";
import type { SchedulerComponent, SchedulerComponentOptions } from "../../scheduler/component.ts";
import type { ComponentFlags, RunnableComponent } from "../component.ts";
import { type PortFlags, portFlags } from "../component-port-flags.ts";
import { featureGatesFlag, readFeatureGates } from "../serving-flags.ts";
import { component, run } from "./components.ts";

interface SchedulerFlags extends ComponentFlags, PortFlags {
  readonly schedulerName: string;
  readonly config?: string;
  readonly extenderAddress?: string;
  readonly featureGates?: string;
}

/** As kube-scheduler's. */
const SECURE_PORT = 10_259;

/** `pintle scheduler`: gives a node to every waiting pod of its names, in any conformant cluster. */
export function schedulerCommand(): Command {
  const command = component("scheduler", "schedule the pods of an API server")
    .addOption(
      new Option("--scheduler-name <name>", "the spec.schedulerName of the pods to schedule").default(
        "default-scheduler",
      ),
    )
    .addOption(
      new Option(
        "--config <file>",
        "a KubeSchedulerConfiguration: its profiles say which pods, and how they are judged",
      ).conflicts("schedulerName"),
    )
    .addOption(
      new Option(
        "--extender-address <address>",
        "HOST:PORT where other schedulers may ask this one, as their extender: /filter, /prioritize, /bind, /preempt",
      ),
    )
    .addOption(featureGatesFlag());
  for (const flag of portFlags(SECURE_PORT)) command.addOption(flag);
  return command.action(async (flags: SchedulerFlags) => {
    const { schedulerName, config: file } = flags;
    const featureGates = readFeatureGates(flags);
    const isGiven = (name: string) => command.getOptionValueSource(name) === "cli";
    const isPortGiven = isGiven("securePort");
    if (file === undefined) {
      // Schedulers of different names work side by side, each under a Lease of its own.
      const lease = schedulerName === "default-scheduler" ? "kube-scheduler" : schedulerName;
      return run(flags, await schedulerComponent(lease, { schedulerName, featureGates }, flags, isPortGiven));
    }
    const { configuredFlags } = await import("../scheduler-configuration.ts");
    const { config, lease, flags: said } = configuredFlags(file, flags, isGiven);
    return run(said, await schedulerComponent(lease, { config, featureGates }, flags, isPortGiven));
  });
}

/** Metrics and health go on from term to term. */
async function schedulerComponent(
  lease: string,
  whose: Pick<SchedulerComponentOptions, "schedulerName" | "config" | "featureGates">,
  flags: PortFlags & Pick<SchedulerFlags, "extenderAddress">,
  isPortGiven: boolean,
): Promise<RunnableComponent> {
  const [{ SystemClock }, { MetricsRegistry }, { registerProcessMetrics }, { SchedulerMetrics }] =
    await Promise.all([
      import("../../apimachinery/clock.ts"),
      import("../../apimachinery/metrics/registry.ts"),
      import("../../apimachinery/metrics/process-metrics.ts"),
      import("../../scheduler/metrics/scheduler-metrics.ts"),
    ]);
  const registry = new MetricsRegistry();
  registerProcessMetrics(registry);
  const metrics = new SchedulerMetrics(registry, new SystemClock());
  /** One that waits for its turn is ready: it has nothing to catch up with. */
  let isCatchingUp = false;
  let working: SchedulerComponent | undefined;
  return {
    name: "scheduler",
    lease,
    open: async (parts) => {
      const { openPort } = await import("../component-port.ts");
      const port = await openPort("scheduler", flags, isPortGiven, parts, {
        checks: (path) => [
          { name: "ping", ok: true },
          ...(path === "readyz"
            ? [
                { name: "informer-sync", ok: !isCatchingUp },
                { name: "sched-handler-sync", ok: !isCatchingUp },
              ]
            : []),
        ],
        pages: { "/metrics": () => registry.expose() },
      });
      const { extenderAddress } = flags;
      if (extenderAddress === undefined) return port;
      const { openExtenderPort } = await import("../extender-port.ts");
      const extender = await openExtenderPort(
        extenderAddress,
        flags,
        () => working?.extender,
        parts.log,
      ).catch(async (error: unknown) => {
        // A port left open would keep the process alive after it has said why it ends.
        await port.stop();
        throw error;
      });
      return {
        serverIsThere: () => port.serverIsThere(),
        stop: async () => {
          await extender.stop();
          await port.stop();
        },
      };
    },
    start: async ({ access: _, ...parts }) => {
      const { startScheduler } = await import("../../scheduler/component.ts");
      isCatchingUp = true;
      const running = await startScheduler({ ...parts, ...whose, metrics, ties: "random", thread: "worker" });
      isCatchingUp = false;
      working = running;
      return {
        stop: async () => {
          working = undefined;
          await running.stop();
        },
      };
    },
  };
}
