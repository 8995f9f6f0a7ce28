import { Command, Option } from "commander";
import { outputFlag, placeFlags } from "../flags.ts";
import type { StoreFlags } from "../store-tools.ts";

/** `pintle store …`: backup, restore, migration and care of a store. What they need is loaded when one is called. */
export function storeCommand(): Command {
  return new Command("store")
    .description("check, compact, back up, restore and migrate what a cluster keeps")
    .helpCommand(false)
    .addCommand(
      tool("check", "read everything and say whether it is sound: the store, or a backup FILE")
        .argument("[file]", "a backup")
        .action(async (file: string | undefined, flags: StoreFlags) => {
          if (file !== undefined) await (await import("../store-tools.ts")).checkFile(file, flags);
          else await (await import("../store-check.ts")).checkStore(flags, flags.output);
        }),
    )
    .addCommand(
      withDryRun(tool("compact", "forget the history, and give its room back")).action(
        async (flags: StoreFlags) =>
          (await import("../store-compact.ts")).compactStore(flags, flags.output, flags.dryRun === true),
      ),
    )
    .addCommand(
      withDryRun(tool("export", "write a backup of one revision, also while a cluster runs"))
        .argument("<file>", "the backup, which must not be there yet")
        .action(async (file: string, flags: StoreFlags) =>
          (await import("../store-tools.ts")).exportStore(file, flags),
        ),
    )
    .addCommand(
      withDryRun(tool("import", "fill an empty store with a backup"))
        .argument("<file>", "the backup")
        .action(async (file: string, flags: StoreFlags) =>
          (await import("../store-tools.ts")).importStore(file, flags),
        ),
    )
    .addCommand(
      withDryRun(tool("migrate", "copy the store in DIR to an empty etcd, or the other way"))
        .addOption(new Option("--to <engine>", "where to").choices(["lmdb", "etcd"]).makeOptionMandatory())
        .action(async (flags: StoreFlags & { readonly to: "lmdb" | "etcd" }) =>
          (await import("../store-tools.ts")).migrateStore(flags),
        ),
    );
}

function tool(name: string, description: string): Command {
  const command = new Command(name).description(description);
  for (const flag of placeFlags()) command.addOption(flag);
  return command.addOption(outputFlag("json"));
}

function withDryRun(command: Command): Command {
  return command.addOption(new Option("--dry-run", "look at everything, and write nothing"));
}
