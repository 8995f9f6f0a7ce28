/** What a progress bar is drawn on: `process.stderr`. */
export interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface ProgressBar {
  /** Draws how much is done, when that has changed by a percent. */
  show(done: number, total: number): void;
  /** Takes the bar off the screen. */
  clear(): void;
}

const WIDTH = 30;
const CLEAR_LINE = "\r\x1b[K";

/** `placing ██████░░░░ 61% 5000/8152`, on a terminal only: elsewhere nothing is written. */
export function progressBar(screen: Screen, what: string): ProgressBar {
  if (screen.isTTY !== true) return { show: () => {}, clear: () => {} };
  let shown = -1;
  return {
    show: (done, total) => {
      const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
      if (percent === shown) return;
      shown = percent;
      const full = Math.round((WIDTH * percent) / 100);
      const bar = "█".repeat(full) + "░".repeat(WIDTH - full);
      screen.write(`${CLEAR_LINE}${what} ${bar} ${percent}% ${done}/${total}`);
    },
    clear: () => {
      if (shown >= 0) screen.write(CLEAR_LINE);
    },
  };
}
