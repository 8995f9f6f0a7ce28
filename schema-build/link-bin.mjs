/**
 * Puts `pintle` among the checkout's own commands, so that `npx pintle` runs it at once. Without the link npx would
 * install the checkout into its cache first, which builds everything again. (On Windows that is what happens.)
 */
import { chmodSync, mkdirSync, rmSync, symlinkSync } from "node:fs";

if (process.platform !== "win32") {
  mkdirSync("node_modules/.bin", { recursive: true });
  rmSync("node_modules/.bin/pintle", { force: true });
  symlinkSync("../../dist/host/cli/pintle.js", "node_modules/.bin/pintle");
  chmodSync("dist/host/cli/pintle.js", 0o755);
}
