/** The chance of a rule that leads to one of `left` endpoints, as Go's `%0.10f` prints it. */
export function probabilityText(left: number): string {
  let text = texts[left];
  if (text === undefined) {
    text = toFixedEven(1 / left, 10);
    if (left <= REMEMBERED) texts[left] = text;
  }
  return text;
}

const REMEMBERED = 1_000;
const texts: string[] = [];

/**
 * A number from 0 to 1 with some digits, the nearest, and of two equally near the even one, as Go and C do. JavaScript's
 * toFixed takes the larger: 1/2048 is `0.0004882812` here and `…813` there.
 */
export function toFixedEven(value: number, digits: number): string {
  const text = value.toFixed(digits);
  // A double below 1 that lies halfway has few digits: forty more show whether anything but a 5 is left.
  const exact = value.toFixed(digits + 40);
  const rest = exact.slice(text.length);
  if (!/^50*$/.test(rest)) return text;
  const below = exact.slice(0, text.length);
  return Number(below.at(-1)) % 2 === 0 ? below : text;
}
