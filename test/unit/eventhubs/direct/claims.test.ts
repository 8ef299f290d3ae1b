import { describe, expect, test } from 'vitest';
import { silentLog } from '../../../../src/base/log.ts';
import { parseConnection } from '../../../../src/eventhubs/connection.ts';
import { Claims } from '../../../../src/eventhubs/direct/claims.ts';
import { tokenSource } from '../../../../src/eventhubs/direct/credentials.ts';
import { checkSasToken } from '../../../../src/hub/claims.ts';

const HOUR_MS = 3_600_000;
const AUDIENCE = 'sb://localhost/h/ConsumerGroups/g/Partitions/0';

/** A clock that stands still until it is moved on, and then wakes whoever is due. */
function stillClock(startMs: number) {
  let now = startMs;
  let sleepers: { readonly atMs: number; wake(): void }[] = [];
  return {
    nowMs: () => now,
    sleep: (durationMs: number, signal: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        sleepers.push({ atMs: now + durationMs, wake: resolve });
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
    async pass(durationMs: number): Promise<void> {
      const endMs = now + durationMs;
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        const due = sleepers.filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        sleepers = sleepers.filter((each) => each !== due);
        now = Math.max(now, due.atMs);
        due.wake();
      }
      now = endMs;
    },
  };
}

/** A `$cbs` that keeps what is shown to it, with a failure where the test wants one. */
function fakeCbs(nowMs: () => number, isDown: () => boolean = () => false) {
  const shown: { readonly audience: string; readonly token: string; readonly type: string; readonly atMs: number }[] =
    [];
  const cbs = {
    init: async () => undefined,
    negotiateClaim: async (audience: string, token: string, type: string) => {
      if (isDown()) throw new Error('busy');
      shown.push({ audience, token, type, atMs: nowMs() });
      return {};
    },
  };
  return { shown, cbs: () => cbs as never };
}

const key = 'SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE';
const withKey = parseConnection(`Endpoint=sb://localhost:1;${key};UseDevelopmentEmulator=true`);
const noCredential = async (): Promise<never> => {
  throw new Error('not asked');
};

describe('eight hours of quiet', () => {
  test('a key: there is always a token that the service takes', async () => {
    const clock = stillClock(Date.UTC(2026, 0, 5));
    const { shown, cbs } = fakeCbs(clock.nowMs);
    const claims = new Claims({ cbs, tokens: tokenSource(withKey, clock, noCredential), clock, log: silentLog });
    await claims.put(AUDIENCE);
    for (let minute = 0; minute < 8 * 60; minute++) {
      await clock.pass(60_000);
      const last = shown.at(-1)?.token ?? '';
      expect(checkSasToken(last, AUDIENCE, clock.nowMs())).toMatchObject({ accepted: true });
    }
    expect(shown.length).toBeGreaterThan(8);
    expect(shown.length).toBeLessThan(15);
    claims.close();
  });

  test('Entra ID: a token is renewed before it expires, also where `$cbs` is busy for a while', async () => {
    const clock = stillClock(Date.UTC(2026, 0, 5));
    let made = 0;
    const credential = {
      getToken: async () => ({ token: `jwt ${made++}`, expiresOnTimestamp: clock.nowMs() + HOUR_MS }),
    };
    let isDown = false;
    const { shown, cbs } = fakeCbs(clock.nowMs, () => isDown);
    const connection = parseConnection('name.servicebus.windows.net');
    const tokens = tokenSource(connection, clock, async () => credential);
    const claims = new Claims({ cbs, tokens, clock, log: silentLog });
    await claims.put(AUDIENCE);
    for (let minute = 0; minute < 8 * 60; minute++) {
      // For one minute of every hour, at the very time of the renewal.
      isDown = minute % 58 === 57;
      await clock.pass(60_000);
      expect(clock.nowMs() - (shown.at(-1)?.atMs ?? 0)).toBeLessThan(HOUR_MS);
    }
    expect(shown.every(({ type }) => type === 'jwt')).toBe(true);
    claims.close();
  });

  test('what is forgotten or closed is shown no more', async () => {
    const clock = stillClock(Date.UTC(2026, 0, 5));
    const { shown, cbs } = fakeCbs(clock.nowMs);
    const claims = new Claims({ cbs, tokens: tokenSource(withKey, clock, noCredential), clock, log: silentLog });
    await claims.put(AUDIENCE);
    await claims.put(`${AUDIENCE}1`);
    claims.forget(AUDIENCE);
    await clock.pass(HOUR_MS);
    expect(shown.map(({ audience }) => audience)).toEqual([AUDIENCE, `${AUDIENCE}1`, `${AUDIENCE}1`]);
    claims.close();
    await clock.pass(2 * HOUR_MS);
    expect(shown.length).toBe(3);
  });
});
