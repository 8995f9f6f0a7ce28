/**
 * What a benchmark file gives to `run.ts`: `export const suite: Suite`. Its file name is the suite's name on the
 * command line (`npm run bench -- store` runs bench/store.ts). Shapes and case names: shared/contract.md.
 */
export interface Suite {
  readonly cases: readonly Case[];
}

export interface Case {
  readonly name: string;
  /** Takes minutes: runs only when named with --case. */
  readonly onlyWhenNamed?: boolean;
  /** One measurement, or one per size or engine. A peer is measured in the same call. */
  run(scale: Scale): Promise<Measurement | readonly Measurement[]>;
}

/** `--nodes` and `--pods` scale the cases that have them. */
export interface Scale {
  readonly nodes?: number;
  readonly pods?: number;
}

export interface Measurement {
  /** What was measured, and figures beside the main one: `{ engine: "lmdb", p99Ms: 3 }`. */
  readonly params: Readonly<Record<string, string | number>>;
  /** `ms`, `MiB`, `puts/s` */
  readonly unit: string;
  readonly value: number;
  /** The same work by something else, in the same unit, on the same machine a moment ago. */
  readonly peer?: { readonly name: string; readonly value: number };
}

/** One element of the `--json` file. `ratio` is value / peer.value; both are null without a peer. */
export interface ReportedCase {
  readonly suite: string;
  readonly case: string;
  readonly params: Readonly<Record<string, string | number>>;
  readonly unit: string;
  readonly value: number;
  readonly peer: { readonly name: string; readonly value: number } | null;
  readonly ratio: number | null;
}
