import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import type { DatasetContract } from '../../schemas/contract.ts';
import { scanObject } from './strict-json.ts';

export type JudgeContract = Pick<DatasetContract, 'event' | 'fields'>;

/** A field's value: a timestamp is microseconds since 1970-01-01T00:00:00Z, exact; ids and ints are numbers. */
export type EventValue = string | number | boolean | null;

export type Verdict = Accepted | Rejected;

export interface Accepted {
  readonly accepted: true;
  /** By field, in the order of the contract. */
  readonly values: Readonly<Record<string, EventValue>>;
  /** Names of the outermost object that the contract does not have. */
  readonly unknown: readonly string[];
}

export interface Rejected {
  readonly accepted: false;
  /** `not_utf8`, `not_json`, `not_object`, `missing:<field>`, `type:<field>`, `range:<field>`, `ends_before_start`. */
  readonly reason: string;
}

/**
 * Whether a body is an event of the dataset: its values, or the first reason against it (domain section 1).
 * The body is bytes, or text with all of its characters (a byte-order mark included), or null for bytes that are not
 * UTF-8. Never throws, whatever the body.
 */
export function judge(contract: JudgeContract, body: Uint8Array | string | null): Verdict {
  const text = typeof body === 'string' ? body : textOf(body);
  if (text === undefined) return rejected('not_utf8');
  const members = scanObject(text);
  if (typeof members === 'string') return rejected(members);
  const { event, names } = prepared(contract);
  const result = event.safeParse(members);
  if (!result.success) return rejected(reasonOf(result.error.issues));
  return {
    accepted: true,
    values: result.data as Record<string, EventValue>,
    unknown: Object.keys(members).filter((name) => !names.has(name)),
  };
}

interface Prepared {
  readonly event: DatasetContract['event'];
  readonly names: ReadonlySet<string>;
}

// Compiling a contract costs more than a thousand events judged by it.
const preparations = new WeakMap<JudgeContract, Prepared>();

function prepared(contract: JudgeContract): Prepared {
  const known = preparations.get(contract);
  if (known !== undefined) return known;
  const made = { event: z.compile(contract.event), names: new Set(contract.fields.map(({ name }) => name)) };
  preparations.set(contract, made);
  return made;
}

function textOf(body: Uint8Array | null): string | undefined {
  if (body === null || !isUtf8(body)) return undefined;
  // Unlike TextDecoder, this keeps a byte-order mark.
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
}

// zod gives the issues in the order of the fields, and those of the whole event last.
function reasonOf(issues: readonly { readonly message: string; readonly path: readonly PropertyKey[] }[]): string {
  const first = issues[0];
  if (first === undefined) return 'not_object';
  return first.path.length === 0 ? first.message : `${first.message}:${String(first.path[0])}`;
}

function rejected(reason: string): Rejected {
  return { accepted: false, reason };
}
