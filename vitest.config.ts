import { defineConfig } from "vitest/config";

/** One place says what a test file is and how long it may take; 2 cores, so at most two workers. */
export default defineConfig({
  test: {
    include: ["host/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
    reporters: ["default", "./.ci/count-reporter.mjs"],
  },
});
