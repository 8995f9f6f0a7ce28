import { Command, CommanderError } from "commander";
import { packageVersion } from "../apimachinery/version.ts";
import { apiserverCommand } from "./commands/apiserver.ts";
import { controllerManagerCommand, kubeletCommand } from "./commands/components.ts";
import { deleteCommand } from "./commands/delete.ts";
import { demoCommand } from "./commands/demo.ts";
import { dnsCommand } from "./commands/dns.ts";
import { downCommand } from "./commands/down.ts";
import { explainCommand } from "./commands/explain.ts";
import { nodeCommand } from "./commands/node-list.ts";
import { proxyCommand } from "./commands/proxy.ts";
import { schedulerCommand } from "./commands/scheduler.ts";
import { simulateCommand } from "./commands/simulate.ts";
import { statusCommand } from "./commands/status.ts";
import { storeCommand } from "./commands/store.ts";
import { upCommand } from "./commands/up.ts";
import { versionCommand } from "./commands/version.ts";
import { explainFailure } from "./failure.ts";

const COMMANDS = [
  upCommand,
  statusCommand,
  nodeCommand,
  downCommand,
  deleteCommand,
  versionCommand,
  demoCommand,
  simulateCommand,
  explainCommand,
  proxyCommand,
  apiserverCommand,
  controllerManagerCommand,
  schedulerCommand,
  kubeletCommand,
  dnsCommand,
  storeCommand,
];

/**
 * Runs one command line.
 *
 * @returns the exit code: 0 done, 1 a failure explained on stderr in one line, 2 wrong usage
 */
export async function runCli(args: readonly string[]): Promise<number> {
  const program = new Command("pintle")
    .description("A complete Kubernetes control plane in one process.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpCommand(false)
    // A command and one below it may have flags of one name: `proxy` and `proxy render`.
    .enablePositionalOptions()
    .exitOverride();
  for (const make of COMMANDS) program.addCommand(throwing(make()));
  try {
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`pintle: ${explainFailure(error)}\n`);
    if (process.env["PINTLE_DEBUG"] === "1" && error instanceof Error)
      process.stderr.write(`${error.stack}\n`);
    return 1;
  }
}

/** Commander ends the process on wrong usage unless every command, not only the first, is told to throw. */
function throwing(command: Command): Command {
  for (const nested of command.commands) throwing(nested);
  return command.exitOverride();
}
