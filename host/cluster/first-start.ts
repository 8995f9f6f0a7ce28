import { existsSync, rmSync } from "node:fs";

/**
 * What a first start makes: the authority, the store. A start that fails before anybody was told how to reach the cluster takes
 * them away again: the next one finds what this one found, so that `--restore`, say, may be given once more. What was
 * there before stays, whatever happens, and so does everything of a server that was only stopped.
 */
export class FirstStart {
  #made: readonly string[];

  /** @param folders  of this process alone; looked at before anything is made */
  constructor(folders: readonly string[]) {
    this.#made = folders.filter((folder) => !existsSync(folder));
  }

  /** From now on they are in use. */
  keep(): void {
    this.#made = [];
  }

  undo(): void {
    for (const folder of this.#made) rmSync(folder, { recursive: true, force: true });
  }
}
