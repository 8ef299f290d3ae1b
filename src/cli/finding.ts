import { isAbort, toSluiceError, type ErrorCode } from '../base/errors.ts';

/** What one check of `doctor` found. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped';
  /** What is so, or what is wrong and what to do. One line. */
  readonly says: string;
  readonly code: ErrorCode | null;
  readonly exitCode: number;
}

export type Says = string | { readonly warning: string } | { readonly skipped: string };

/** Runs a check: what it gives is what it says, what it throws is what is wrong. An abort ends all. */
export async function finding(check: string, look: () => Promise<Says> | Says): Promise<Finding> {
  const sound = { check, code: null, exitCode: 0 };
  try {
    const found = await look();
    if (typeof found === 'string') return { ...sound, state: 'ok', says: found };
    if ('warning' in found) return { ...sound, state: 'warning', says: found.warning };
    return { ...sound, state: 'skipped', says: found.skipped };
  } catch (thrown) {
    if (isAbort(thrown)) throw thrown;
    const { code, exitCode, message } = toSluiceError(thrown);
    return { check, state: 'failed', says: message.replaceAll(/\s*\n\s*/g, ' '), code, exitCode };
  }
}
