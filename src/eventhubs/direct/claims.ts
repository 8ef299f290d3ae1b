import type { CbsClient } from '@azure/core-amqp';
import type { Clock } from '../../base/clock.ts';
import { isAbort } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import type { TokenSource } from './credentials.ts';
import { DIRECT_LIMITS } from './direct-limits.ts';

/** What the claims of one connection need. */
export interface ClaimsOptions {
  readonly cbs: () => Pick<CbsClient, 'init' | 'negotiateClaim'>;
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly log: Log;
}

/** The tokens put on `$cbs` of one connection, each put again before it expires, as long as the connection lives. */
export class Claims {
  private readonly options: ClaimsOptions;
  private readonly renewals = new Map<string, number>();
  private readonly closed = new AbortController();
  private opening: Promise<void> | undefined;
  private renewing: Promise<void> | undefined;

  constructor(options: ClaimsOptions) {
    this.options = options;
  }

  /** Shows a token for the audience, `sb://host/hub/…`, and keeps it shown. */
  async put(audience: string): Promise<void> {
    const renewAtMs = await this.show(audience);
    this.renewals.set(audience, renewAtMs);
    this.renewing ??= this.renew();
  }

  /** The token is no longer needed. */
  forget(audience: string): void {
    this.renewals.delete(audience);
  }

  close(): void {
    this.closed.abort();
  }

  private async show(audience: string): Promise<number> {
    const { cbs, tokens } = this.options;
    this.opening ??= cbs().init({ timeoutInMs: LIMITS.eventHubsAttemptMsMax });
    this.opening.catch(() => {
      this.opening = undefined;
    });
    const [token] = await Promise.all([tokens(audience), this.opening]);
    await cbs().negotiateClaim(audience, token.text, token.type as never, {
      timeoutInMs: LIMITS.eventHubsAttemptMsMax,
    });
    return token.renewAtMs;
  }

  /** One loop for all audiences; it ends with the connection. */
  private async renew(): Promise<void> {
    const { clock } = this.options;
    try {
      while (!this.closed.signal.aborted) {
        const nextMs = Math.min(...this.renewals.values(), clock.nowMs() + DIRECT_LIMITS.sasRenewalMs);
        await clock.sleep(Math.max(DIRECT_LIMITS.renewalPauseMs, nextMs - clock.nowMs()), this.closed.signal);
        const due = [...this.renewals].filter(([, renewAtMs]) => renewAtMs <= clock.nowMs());
        for (const [audience] of due) await this.renewOne(audience);
      }
    } catch (error) {
      // The end of the connection; what else a clock may throw ends the renewals, and the service says the rest.
      if (!isAbort(error)) this.options.log.warn('tokens are no longer renewed', { reason: String(error) });
    }
  }

  /** A renewal that fails is tried again: the token before still holds for a while. */
  private async renewOne(audience: string): Promise<void> {
    const { clock, log } = this.options;
    try {
      const renewAtMs = await this.show(audience);
      if (this.renewals.has(audience)) this.renewals.set(audience, renewAtMs);
    } catch (error) {
      if (this.closed.signal.aborted) return;
      log.warn('a token could not be renewed, trying again', { audience, reason: String(error) });
      if (this.renewals.has(audience)) this.renewals.set(audience, clock.nowMs() + DIRECT_LIMITS.renewalPauseMs);
    }
  }
}
