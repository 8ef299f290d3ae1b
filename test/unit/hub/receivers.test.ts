import { describe, expect, it } from 'vitest';
import { admitReceiver, type Receiver } from '../../../src/hub/receivers.ts';

const receiver = (epoch?: number, name?: string): Receiver => ({ epoch, name });
const admit = (present: Receiver[], newcomer: Receiver) => admitReceiver(present, newcomer, 'TrackingId:t');

describe('receivers of one partition and consumer group', () => {
  it('puts off the old receiver when an equal epoch comes: the newest wins', () => {
    const old = receiver(0);
    const admission = admit([old], receiver(0));
    expect(admission).toEqual({
      admitted: true,
      disconnected: [
        {
          receiver: old,
          error: {
            condition: 'amqp:link:stolen',
            description:
              "New receiver 'nil' with higher epoch of '0' is created hence current receiver 'nil' with epoch '0' is " +
              'getting disconnected. If you are recreating the receiver, make sure a higher epoch is used. ' +
              'TrackingId:t',
          },
        },
      ],
    });
  });

  it('refuses a lower epoch than the one that reads', () => {
    expect(admit([receiver(5)], receiver(1))).toEqual({
      admitted: false,
      error: {
        condition: 'amqp:link:stolen',
        description:
          "Receiver 'nil' with a higher epoch '5' already exists. Receiver 'nil' with epoch 1 cannot be created. " +
          'Make sure you are creating receiver with increasing epoch value to ensure connectivity, or ensure all ' +
          'old epoch receivers are closed or disconnected. TrackingId:t',
      },
    });
  });

  it('refuses a receiver without epoch beside one with an epoch, be it 0', () => {
    expect(admit([receiver(0)], receiver())).toEqual({
      admitted: false,
      error: {
        condition: 'amqp:link:stolen',
        description:
          "At least one receiver for the endpoint is created with epoch of '0', and so non-epoch receiver is not " +
          'allowed. Either reconnect with a higher epoch, or make sure all epoch receivers are closed or ' +
          'disconnected. TrackingId:t',
      },
    });
  });

  it('puts off every receiver without epoch when one with an epoch comes', () => {
    const old = [receiver(), receiver(undefined, 'spark-driver-1')];
    const admission = admit(old, receiver(0, 'sluice'));
    expect(admission.admitted && admission.disconnected.map((one) => one.receiver)).toEqual(old);
    expect(admission.admitted && admission.disconnected[1]?.error.description).toMatch(
      /^New receiver 'sluice' .* current receiver 'spark-driver-1' with epoch '-1' /,
    );
  });

  it('admits five receivers without epoch and refuses the sixth', () => {
    const five = Array.from({ length: 5 }, (_, index) => receiver(undefined, `r${index}`));
    expect(admit(five.slice(1), receiver()).admitted).toBe(true);
    expect(admit(five, receiver())).toEqual({
      admitted: false,
      error: {
        condition: 'amqp:resource-limit-exceeded',
        description:
          'Exceeded the maximum number of allowed receivers per partition in a consumer group which is 5. List of ' +
          'connected receivers - r0, r1, r2, r3, r4. TrackingId:t',
      },
    });
  });
});
