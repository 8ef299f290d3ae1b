/**
 * One setting of a room. The rooms declare theirs in one table each; `sluice config`, the command line and
 * docs/settings.md are made from these tables, so they cannot say different things.
 */
export interface Setting {
  /** Environment variable, `SLUICE_…`. */
  readonly name: string;
  /** A data setting changes what is stored; a process setting only how the work is done. */
  readonly kind: 'data' | 'process';
  readonly type: 'text' | 'url' | 'bytes' | 'duration' | 'count' | 'choice' | 'list';
  readonly choices?: readonly string[];
  /** Shown as it is; undefined: no default, `required` says whether it must be given. */
  readonly default?: string;
  readonly required?: boolean;
  readonly secret?: boolean;
  /** One or two sentences for the documentation. */
  readonly prose: string;
}
