/**
 * The acceptance rules of docs/domain.md section 1, as plainly as can be and sharing no code with the engine: the
 * grammar is left to JSON.parse, everything it is blind to is found by cutting the text into tokens.
 */
export type SlowVerdict =
  | { readonly values: Readonly<Record<string, unknown>>; readonly unknown: readonly string[] }
  | string;

type Rule = readonly [name: string, kind: 'string' | 'integer' | 'timestamp' | 'boolean', low?: number, high?: number];

const ID_MAX = 9007199254740991;
const HEAD: readonly Rule[] = [
  ['event_id', 'string', 1, 128],
  ['produced_at', 'timestamp'],
];

export const RULES: Readonly<Record<'ivr_calls' | 'call_legs' | 'surveys', readonly Rule[]>> = {
  ivr_calls: [
    ...HEAD,
    ['call_id', 'string', 1, 128],
    ['customer_id', 'integer', 1, ID_MAX],
    ['started_at', 'timestamp'],
    ['ended_at', 'timestamp'],
    ['authenticated', 'boolean'],
    ['options_navigated', 'integer', 0, 1000],
    ['option_code', 'string', 1, 16],
    ['transferred', 'boolean'],
    ['queue_id', 'string', 1, 64],
  ],
  call_legs: [
    ...HEAD,
    ['call_id', 'string', 1, 128],
    ['leg_id', 'string', 1, 128],
    ['customer_id', 'integer', 1, ID_MAX],
    ['agent_id', 'integer', 1, 2147483647],
    ['started_at', 'timestamp'],
    ['ended_at', 'timestamp'],
    ['area', 'string', 1, 64],
  ],
  surveys: [
    ...HEAD,
    ['survey_id', 'string', 1, 128],
    ['call_id', 'string', 1, 128],
    ['sent_at', 'timestamp'],
    ['score', 'integer', 0, 10],
  ],
};

/** The accepted values, or the reason. */
export function slowJudge(dataset: keyof typeof RULES, text: string): SlowVerdict {
  const parsed = parse(text);
  if (parsed === undefined) return 'not_json';
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/gs) ?? [];
  if (tooDeep(tokens) || tokens.some((token) => /^[-0-9]/.test(token) && token.length > 1000)) return 'not_json';
  if (tokens[0] !== '{') return 'not_object';
  const members = outermost(tokens);
  if (new Set(members.map(([name]) => name)).size < members.length) return 'not_json';
  const lexemes = new Map(members);
  const values: Record<string, unknown> = {};
  for (const [name, ...rule] of RULES[dataset]) {
    const lexeme = lexemes.get(name);
    if (lexeme === undefined || lexeme === 'null') return `missing:${name}`;
    const value = field(rule, lexeme);
    if (value === 'type' || value === 'range') return `${value}:${name}`;
    values[name] = value[0];
  }
  if (Number(values['ended_at']) < Number(values['started_at'])) return 'ends_before_start';
  const known = new Set(RULES[dataset].map(([name]) => name));
  return { values, unknown: members.map(([name]) => name).filter((name) => !known.has(name)) };
}

function parse(text: string): unknown {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function tooDeep(tokens: readonly string[]): boolean {
  let depth = 0;
  return tokens.some((token) => {
    if (token === '{' || token === '[') depth++;
    if (token === '}' || token === ']') depth--;
    return depth > 100;
  });
}

/** Unescaped name and first token of each member. */
function outermost(tokens: readonly string[]): [string, string][] {
  const members: [string, string][] = [];
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (token === '}' || token === ']') depth--;
    if (depth === 1 && token === ':') {
      members.push([JSON.parse(tokens[index - 1] ?? '') as string, tokens[index + 1] ?? '']);
    }
    if (token === '{' || token === '[') depth++;
  }
  return members;
}

function field(
  [kind, low = 0, high = 0]: readonly [Rule[1], number?, number?],
  lexeme: string,
): 'type' | 'range' | [unknown] {
  if (kind === 'boolean') return lexeme === 'true' || lexeme === 'false' ? [lexeme === 'true'] : 'type';
  if (kind === 'integer') {
    if (!/^-?\d+$/.test(lexeme)) return 'type';
    const value = BigInt(lexeme);
    return value >= BigInt(low) && value <= BigInt(high) ? [Number(value)] : 'range';
  }
  if (!lexeme.startsWith('"')) return 'type';
  const text = JSON.parse(lexeme) as string;
  if (kind === 'timestamp') return instant(text);
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  const odd = /[\u0000-\u001f\u007f]|\p{Surrogate}/u.test(text);
  const codePoints = [...text].length;
  return odd || codePoints < low || codePoints > high ? 'range' : [text];
}

function instant(text: string): 'range' | [number] {
  const form = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
  const [whole, wall, fraction = '', zone = ''] = form.exec(text) ?? [];
  if (whole === undefined || whole !== text) return 'range';
  // What does not exist comes back as another one, or not at all.
  const shown = new Date(`${wall}Z`);
  if (Number.isNaN(shown.getTime()) || shown.toISOString() !== `${wall}.000Z`) return 'range';
  const aheadMinutes =
    zone === 'Z' ? 0 : Number(`${zone[0]}1`) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4)));
  const ms = shown.getTime() - aheadMinutes * 60_000;
  const inside = ms >= Date.parse('2000-01-01T00:00:00Z') && ms < Date.parse('2100-01-01T00:00:00Z');
  return inside ? [ms * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6))] : 'range';
}
