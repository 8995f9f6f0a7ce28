/**
 * A session at a shell, as text: what is typed, and what is printed to stdout and stderr together.
 *
 *   # a remark
 *   $ kubectl get deployment web
 *   NAME   READY   UP-TO-DATE   AVAILABLE   AGE
 *   web    2/2     2            2           <age>
 *   $~ kubectl get pod web                 asked again until it prints this
 *   $ kubectl get pod nope
 *   Error from server (NotFound): pods "nope" not found
 *   [exit 1]
 *
 * A run of blanks stands for any other, since columns are as wide as what is in them. A line `...` stands for any lines.
 * What differs from run to run has a name: see PLACEHOLDERS.
 */
export interface Step {
  readonly line: number;
  readonly command: string;
  /** Asked again until it prints what is expected. */
  readonly eventually: boolean;
  readonly expected: readonly string[];
  readonly exitCode: number;
}

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  "<age>": "(?:\\d+[dhms]){1,2}",
  "<hash>": "[a-z0-9]{6,10}",
  "<ip>": "\\d+\\.\\d+\\.\\d+\\.\\d+",
  "<n>": "\\d+",
  "<node>": "node-\\d",
  "<suffix>": "[a-z0-9]{5}",
  "<text>": ".*",
  "<time>": "\\S+T\\S+Z|\\w{3}, \\d\\d \\w{3} \\d{4} \\d\\d:\\d\\d:\\d\\d \\+0000",
};
const NAMES = new RegExp(`(${Object.keys(PLACEHOLDERS).join("|")})`);

export function parseSession(text: string): Step[] {
  const steps: Step[] = [];
  let expected: string[] = [];
  for (const [i, line] of text.trimEnd().split("\n").entries()) {
    const typed = /^\$(~?) (.*)$/.exec(line);
    const exit = /^\[exit (\d+)\]$/.exec(line);
    if (typed !== null) {
      expected = [];
      const [, mark, command = ""] = typed;
      steps.push({ line: i + 1, command, eventually: mark === "~", expected, exitCode: 0 });
    } else if (exit !== null) {
      const last = steps.pop();
      if (last === undefined) throw new Error(`line ${i + 1}: an exit of no command`);
      steps.push({ ...last, exitCode: Number(exit[1]) });
    } else if (!line.startsWith("#")) expected.push(line);
  }
  return steps;
}

/** Whether what was printed is what was expected. */
export function matches(expected: readonly string[], printed: string): boolean {
  const lines = withoutEmptyEnd(expected).map(patternOf);
  const text = withoutEmptyEnd(printed.split("\n")).map((line) => `${line.trimEnd()}\n`);
  return new RegExp(`^${lines.join("")}$`).test(text.join(""));
}

function withoutEmptyEnd(lines: readonly string[]): readonly string[] {
  return lines.slice(0, lines.findLastIndex((line) => line.trim() !== "") + 1);
}

function patternOf(line: string): string {
  if (line.trim() === "...") return "(?:.*\\n)*";
  const parts = line.trimEnd().split(NAMES);
  const pattern = parts.map((part) => {
    const placeholder = PLACEHOLDERS[part];
    return placeholder === undefined ? literal(part) : `(?:${placeholder})`;
  });
  return `${pattern.join("")}\\n`;
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/[ \t]+/g, "[ \\t]+");
}
