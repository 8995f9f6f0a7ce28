import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { type Random, seededRandom } from "../../host/apimachinery/random.ts";
import { openLmdbStore } from "../../host/store/lmdb-store.ts";
import { AcknowledgedLog } from "./acknowledged-log.ts";

const isSoak = process.env["SOAK"] === "1";
const kills = isSoak ? 5_000 : 50;
const seed = Number(process.env["SEED"] ?? (isSoak ? process.pid : 1));

test(
  `${kills} kills with SIGKILL lose nothing that was acknowledged (SEED=${seed})`,
  async () => {
    const random = seededRandom(seed);
    const dir = mkdtempSync(join(tmpdir(), "pintle-kill-"));
    const log = new AcknowledgedLog();
    let killedWhileOpening = 0;
    for (let kill = 0; kill < kills; kill++) {
      const wasOpen = await runAndKill(dir, random, log);
      if (!wasOpen) killedWhileOpening += 1;
      const store = await openLmdbStore(dir);
      await log.check(store);
      await store.close();
    }
    console.log(
      `${kills} kills, ${killedWhileOpening} before the store was open, ${log.acknowledged} writes acknowledged`,
    );
    expect(log.acknowledged).toBeGreaterThan(kills * 10);
    rmSync(dir, { recursive: true });
  },
  isSoak ? 3_600_000 : 60_000,
);

/**
 * Starts a writer and kills it: mostly after some number of acknowledged writes, now and then at some time from its
 * start on, which may be while it opens the store.
 *
 * @returns whether it had opened the store
 */
async function runAndKill(dir: string, random: Random, log: AcknowledgedLog): Promise<boolean> {
  const writers = [1, 4, 32][random.below(3)]!;
  const script = resolve(import.meta.dirname, "writer.mjs");
  const child = spawn(process.execPath, [script, dir, String(random.nextUint32()), String(writers)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const acksLeft = random.below(5) === 0 ? Number.POSITIVE_INFINITY : random.below(120);
  const timer = setTimeout(
    () => child.kill("SIGKILL"),
    acksLeft === Number.POSITIVE_INFINITY ? random.below(150) : 5_000,
  );
  const exited = new Promise<string | null>((done) => child.on("exit", (_, signal) => done(signal)));
  let acks = 0;
  let wasOpen = false;
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith("open ")) wasOpen = true;
    log.add(line);
    if (line.startsWith("ack ")) acks += 1;
    if (acks > acksLeft) child.kill("SIGKILL");
  }
  expect(await exited).toBe("SIGKILL");
  clearTimeout(timer);
  return wasOpen;
}
