import { isIPv4, isIPv6 } from "node:net";
import { isDns1123Label, isDns1123Subdomain } from "../../apimachinery/names.ts";

const matches = (pattern: RegExp) => (text: string) => pattern.test(text);
const UUID = "[0-9a-f]{8}-?[0-9a-f]{4}-?";
const HEX = (digits: number) => `[0-9a-f]{${digits}}`;

/** The formats that are checked; others only say what a text is for. Source: go-openapi/strfmt; api-policy 7.1. */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: matches(/^[0-9a-f]{24}$/i),
  uri: isUri,
  email: matches(/^[^\s@<>()",;:]+@[^\s@<>()",;:]+$/),
  hostname: isHostname,
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: isCidr,
  mac: matches(
    /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$|^([0-9a-f]{2}[:-]){7}[0-9a-f]{2}$|^([0-9a-f]{4}\.){2}[0-9a-f]{4}$/i,
  ),
  uuid: matches(new RegExp(`^${UUID}${HEX(4)}-?${HEX(4)}-?${HEX(12)}$`, "i")),
  uuid3: matches(new RegExp(`^${UUID}3${HEX(3)}-?${HEX(4)}-?${HEX(12)}$`, "i")),
  uuid4: matches(new RegExp(`^${UUID}4${HEX(3)}-?[89ab]${HEX(3)}-?${HEX(12)}$`, "i")),
  uuid5: matches(new RegExp(`^${UUID}5${HEX(3)}-?[89ab]${HEX(3)}-?${HEX(12)}$`, "i")),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matches(/^#?([0-9a-f]{3}|[0-9a-f]{6})$/i),
  rgbcolor: isRgbColor,
  byte: matches(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  password: () => true,
  date: isDate,
  duration: matches(/^[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)\s*(?:ns|us|µs|ms|s|m|h|d|w))+)$/),
  datetime: isDateTime,
  "date-time": isDateTime,
  "k8s-short-name": (text) => isDns1123Label(text).length === 0,
  "k8s-long-name": (text) => isDns1123Subdomain(text).length === 0,
};

export function isKnownFormat(format: string): boolean {
  return Object.hasOwn(FORMATS, format) || ["int32", "int64", "float", "double"].includes(format);
}

/** Whether a text is of a format; one that is not known takes anything. */
export function hasFormat(format: string, text: string): boolean {
  return Object.hasOwn(FORMATS, format) ? FORMATS[format]!(text) : true;
}

function isUri(text: string): boolean {
  return URL.canParse(text) || (text.startsWith("/") && URL.canParse(text, "http://a"));
}

function isHostname(text: string): boolean {
  return (
    text.length <= 255 &&
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?$/i.test(text)
  );
}

function isCidr(text: string): boolean {
  const [address = "", bits = "", ...more] = text.split("/");
  if (more.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(bits)) return false;
  return isIPv4(address) ? Number(bits) <= 32 : isIPv6(address) && Number(bits) <= 128;
}

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[- ]/g, "");
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  const sum = [...digits].reduce((total, one, i) => total + (10 - i) * (one === "X" ? 10 : Number(one)), 0);
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[- ]/g, "");
  if (!/^\d{13}$/.test(digits)) return false;
  return [...digits].reduce((total, one, i) => total + Number(one) * (i % 2 === 0 ? 1 : 3), 0) % 10 === 0;
}

/** Luhn's checksum. */
function isCreditCard(text: string): boolean {
  const digits = text.replace(/\D/g, "");
  if (digits.length < 13 || digits.length > 19) return false;
  const sum = [...digits].reverse().reduce((total, one, i) => {
    const doubled = i % 2 === 1 ? Number(one) * 2 : Number(one);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum % 10 === 0;
}

function isRgbColor(text: string): boolean {
  const parts = /^rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$/.exec(text);
  return parts?.slice(1).every((part) => Number(part) <= 255) ?? false;
}

function isDate(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  if (year === undefined) return false;
  const lengths = [31, isLeap(Number(year)) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  const most = lengths[Number(month) - 1] ?? 0;
  return Number(day) >= 1 && Number(day) <= most;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function isDateTime(text: string): boolean {
  const [date = "", time = ""] = text.split(/[Tt]/);
  return isDate(date) && /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]\d{2}:?\d{2})$/.test(time);
}
