#!/usr/bin/env node
import { runCli } from "./program.ts";

// A reader that goes away (`pintle status | head -1`) ends the output, not the program.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });

process.exitCode = await runCli(process.argv.slice(2));
