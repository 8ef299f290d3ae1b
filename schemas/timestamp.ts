const FIRST_MS = Date.UTC(2000, 0, 1);
const END_MS = Date.UTC(2100, 0, 1);
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const FRACTION_DIGITS_MAX = 9;

/**
 * Microseconds since 1970-01-01T00:00:00Z of a timestamp by domain section 1, undefined where the text is none or
 * lies outside 2000..2099. A number holds them exactly. Digits past the sixth are cut off.
 */
export function timestampUs(text: string): number | undefined {
  const wholeMs = localMs(text);
  if (wholeMs === undefined) return undefined;
  let at = 19;
  let fractionUs = 0;
  if (text[at] === '.') {
    let unitUs = 100_000;
    const first = ++at;
    for (let figure; !Number.isNaN((figure = digit(text, at))); at++) {
      fractionUs += figure * Math.floor(unitUs);
      unitUs /= 10;
    }
    if (at === first || at - first > FRACTION_DIGITS_MAX) return undefined;
  }
  const offsetMinutes = offset(text, at);
  if (offsetMinutes === undefined) return undefined;
  const ms = wholeMs - offsetMinutes * 60_000;
  return ms >= FIRST_MS && ms < END_MS ? ms * 1000 + fractionUs : undefined;
}

// A figure that is none is NaN, which fails every comparison below: one test refuses both.
function localMs(text: string): number | undefined {
  if (text[4] !== '-' || text[7] !== '-' || text[10] !== 'T' || text[13] !== ':' || text[16] !== ':') return undefined;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const [hour, minute, second] = [twoDigits(text, 11), twoDigits(text, 14), twoDigits(text, 17)];
  if (!(year >= 1999 && year <= 2100 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month))) {
    return undefined;
  }
  return hour <= 23 && minute <= 59 && second <= 59 ? Date.UTC(year, month - 1, day, hour, minute, second) : undefined;
}

function daysIn(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : (DAYS[month - 1] ?? 0);
}

function offset(text: string, at: number): number | undefined {
  const sign = text[at];
  if (sign === 'Z') return text.length === at + 1 ? 0 : undefined;
  if ((sign !== '+' && sign !== '-') || text[at + 3] !== ':' || text.length !== at + 6) return undefined;
  const [hours, minutes] = [twoDigits(text, at + 1), twoDigits(text, at + 4)];
  if (!(hours <= 23 && minutes <= 59)) return undefined;
  return (sign === '-' ? -1 : 1) * (hours * 60 + minutes);
}

function twoDigits(text: string, at: number): number {
  return digit(text, at) * 10 + digit(text, at + 1);
}

function digit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57 ? code - 48 : Number.NaN;
}
