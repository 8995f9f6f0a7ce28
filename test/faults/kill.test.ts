import { expect, test } from "vitest";
import { killRound } from "./kill-round.ts";

const seed = Number(process.env["SEED"] ?? 1);
const KILLS = 50;

// The long form is `npm run soak:store`, which adds up over runs.
test(`${KILLS} kills with SIGKILL lose nothing that was acknowledged (SEED=${seed})`, async () => {
  const { violations, acknowledged, killedWhileOpening } = await killRound(seed, KILLS);
  console.log(
    `${KILLS} kills, ${killedWhileOpening} before the store was open, ${acknowledged} writes acknowledged`,
  );
  expect(violations).toEqual([]);
  expect(acknowledged).toBeGreaterThan(KILLS * 10);
}, 120_000);
