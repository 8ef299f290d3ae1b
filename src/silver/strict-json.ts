import { JsonNumber, NESTED } from '../../schemas/event-fields.ts';

/** A member of the outermost object: a number keeps its lexeme, an array or object is told without its contents. */
export type JsonMember = string | boolean | null | JsonNumber | typeof NESTED;

/** By unescaped name; without a prototype, so that `__proto__` is a name like any other. */
export type JsonMembers = Record<string, JsonMember>;

const DEPTH_MAX = 100;
const NUMBER_LENGTH_MAX = 1000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;

/**
 * The members of a text that is one JSON object by RFC 8259 and by the limits of domain section 1: no name twice in
 * the outermost object, no nesting deeper than 100, no number longer than 1,000 characters. Otherwise the reason.
 * Takes any text, a byte-order mark at its head included, and never throws.
 */
export function scanObject(text: string): JsonMembers | 'not_json' | 'not_object' {
  return new Scanner(text).scan();
}

/** Each method stands on the first character of its part, and behind it where it returned true. */
class Scanner {
  private readonly text: string;
  private at = 0;
  private depth = 0;
  /** What the last part that returned true was worth. */
  private found: JsonMember = null;

  constructor(text: string) {
    this.text = text;
  }

  scan(): JsonMembers | 'not_json' | 'not_object' {
    this.blank();
    const members: JsonMembers | undefined = this.text[this.at] === '{' ? Object.create(null) : undefined;
    if (!(members === undefined ? this.value() : this.object(members))) return 'not_json';
    this.blank();
    if (this.at !== this.text.length) return 'not_json';
    return members ?? 'not_object';
  }

  private value(): boolean {
    switch (this.text[this.at]) {
      case '"':
        return this.string();
      case '{':
        return this.object(undefined);
      case '[':
        return this.array();
      case 't':
        return this.word('true', true);
      case 'f':
        return this.word('false', false);
      case 'n':
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  private object(members: JsonMembers | undefined): boolean {
    if (!this.opens()) return false;
    if (this.closes('}')) return true;
    do {
      this.blank();
      if (this.text.charCodeAt(this.at) !== QUOTE || !this.string()) return false;
      const name = this.found as string;
      this.blank();
      if (!this.takes(COLON)) return false;
      this.blank();
      if (members !== undefined && name in members) return false;
      if (!this.value()) return false;
      if (members !== undefined) members[name] = this.found;
      this.blank();
    } while (this.takes(COMMA));
    return this.closes('}');
  }

  private array(): boolean {
    if (!this.opens()) return false;
    if (this.closes(']')) return true;
    do {
      this.blank();
      if (!this.value()) return false;
      this.blank();
    } while (this.takes(COMMA));
    return this.closes(']');
  }

  private opens(): boolean {
    this.depth++;
    this.at++;
    this.blank();
    return this.depth <= DEPTH_MAX;
  }

  private closes(bracket: string): boolean {
    if (this.text[this.at] !== bracket) return false;
    this.depth--;
    this.at++;
    this.found = NESTED;
    return true;
  }

  private string(): boolean {
    const { text } = this;
    const from = this.at + 1;
    let at = from;
    let escaped = false;
    for (let unit; (unit = text.charCodeAt(at)) !== QUOTE;) {
      // Also at the end of the text, where the unit is NaN.
      if (!(unit >= 0x20)) return false;
      at = unit === BACKSLASH ? escapeEnd(text, at + 1) : at + 1;
      escaped ||= unit === BACKSLASH;
    }
    this.at = at + 1;
    const raw = text.slice(from, at);
    this.found = escaped ? (JSON.parse(`"${raw}"`) as string) : raw;
    return true;
  }

  private number(): boolean {
    const from = this.at;
    this.takes(MINUS);
    if (!this.takes(ZERO) && !this.figures()) return false;
    if (this.text[this.at] === '.') {
      this.at++;
      if (!this.figures()) return false;
    }
    if (this.text[this.at] === 'e' || this.text[this.at] === 'E') {
      this.at++;
      if (this.text[this.at] === '+' || this.text[this.at] === '-') this.at++;
      if (!this.figures()) return false;
    }
    if (this.at - from > NUMBER_LENGTH_MAX) return false;
    this.found = new JsonNumber(this.text.slice(from, this.at));
    return true;
  }

  private figures(): boolean {
    const from = this.at;
    while (isFigure(this.text.charCodeAt(this.at))) this.at++;
    return this.at > from;
  }

  private word(word: string, value: boolean | null): boolean {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    this.found = value;
    return true;
  }

  private takes(unit: number): boolean {
    if (this.text.charCodeAt(this.at) !== unit) return false;
    this.at++;
    return true;
  }

  private blank(): void {
    for (;;) {
      const unit = this.text.charCodeAt(this.at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.at++;
    }
  }
}

/** Behind the escape whose letter stands at `at`; behind the text where there is no such escape. */
function escapeEnd(text: string, at: number): number {
  const letter = text[at];
  if (letter !== 'u') return letter !== undefined && '"\\/bfnrt'.includes(letter) ? at + 1 : text.length;
  const end = at + 5;
  for (let figure = at + 1; figure < end; figure++) {
    if (!isHexadecimal(text.charCodeAt(figure))) return text.length;
  }
  return end;
}

function isFigure(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

function isHexadecimal(unit: number): boolean {
  return isFigure(unit) || (unit >= 0x41 && unit <= 0x46) || (unit >= 0x61 && unit <= 0x66);
}
