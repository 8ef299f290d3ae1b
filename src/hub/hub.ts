/**
 * The local Event Hubs: what the service does, over AMQP, for the genuine clients. A delivery is acknowledged after
 * its events are appended to a segment file; receivers are fed from there, pre-settled. Who may do what is told by
 * tokens put on `$cbs`, signed with the literal key of Microsoft's emulator. An append survives the end of this
 * process (also by SIGKILL); the disk itself is asked to keep it when a segment is full and when the hub stops.
 * Faults are for tests: they are reached through this door only, never over the wire.
 */
import { join } from 'node:path';
import { systemClock, type Clock } from '../base/clock.ts';
import { isAbort } from '../base/errors.ts';
import { silentLog, type Log } from '../base/log.ts';
import { Broker } from './broker.ts';
import { ensureCertificate, type ServerCertificate } from './certificate.ts';
import { KEY_NAME, KEY_VALUE } from './claims.ts';
import type { HubFaults } from './faults.ts';
import { lockFolder } from './folder-lock.ts';
import { checkHubs, parseHubConfig } from './hub-config.ts';
import { HUB_LIMITS } from './limits.ts';
import { listenOnLocalhost, makeAmqpServer, makeHealthServer, makeTlsServer, type Listener } from './listeners.ts';
import { Namespace, type HubDefinition } from './namespace.ts';

export type { HubDefinition, HubFaults };

export interface HubOptions {
  /** 0: any free port; off: no such listener. */
  readonly amqpPort: number | 'off';
  readonly tlsPort: number | 'off';
  readonly healthPort: number | 'off';
  readonly dataFolder: string;
  readonly hubs: readonly HubDefinition[];
  /** Events older than this are no longer retained; without it all are. */
  readonly retentionMs?: number;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Takes any JWT unchecked, for clients that can't do otherwise. */
  readonly acceptJwt?: boolean;
}

export interface RunningHub {
  readonly amqpPort: number | undefined;
  readonly tlsPort: number | undefined;
  readonly healthPort: number | undefined;
  /** With `UseDevelopmentEmulator=true`: plain AMQP. Without a plain listener it is that of TLS. */
  readonly connectionString: string;
  readonly tlsConnectionString: string | undefined;
  /** The authority that clients have to trust for TLS, PEM. */
  readonly certificateFile: string | undefined;
  readonly faults: HubFaults;
  /** Detaches every link (detach-forced), closes every connection and the segments. */
  stop(): Promise<void>;
}

/** The hubs of the `Config.json` of Microsoft's emulator; throws `configuration` errors that name the field. */
export function readHubConfig(text: string): HubDefinition[] {
  return parseHubConfig(text);
}

/** Listens on localhost (127.0.0.1 and, where there is one, ::1). Throws `port_in_use` and `configuration`. */
export async function startHub(options: HubOptions): Promise<RunningHub> {
  const clock = options.clock ?? systemClock;
  const log = options.log ?? silentLog;
  checkHubs(options.hubs);
  const unlock = lockFolder(options.dataFolder);
  const listeners: Listener[] = [];
  let namespace: Namespace | undefined;
  try {
    namespace = new Namespace(options.dataFolder, options.hubs, clock.nowMs());
    const broker = new Broker({ namespace, clock, log, acceptJwt: options.acceptJwt ?? false });
    const ports = await openListeners(options, broker, listeners, clock);
    const stopping = new AbortController();
    const maintenance = maintain(namespace, broker, clock, options.retentionMs, stopping.signal);
    const opened = namespace;
    return {
      ...ports,
      ...connectionStrings(ports.amqpPort, ports.tlsPort),
      faults: broker.faults,
      stop: async () => {
        if (stopping.signal.aborted) return;
        stopping.abort();
        const closing = listeners.map((listener) => listener.close());
        await broker.stop(systemClock);
        for (const listener of listeners) listener.dropConnections();
        await Promise.all([...closing, maintenance]);
        opened.close();
        unlock();
      },
    };
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()));
    namespace?.close();
    unlock();
    throw error;
  }
}

type Ports = Pick<RunningHub, 'amqpPort' | 'tlsPort' | 'healthPort' | 'certificateFile'>;

async function openListeners(options: HubOptions, broker: Broker, opened: Listener[], clock: Clock): Promise<Ports> {
  const open = async (port: number | 'off', purpose: string, make: Parameters<typeof listenOnLocalhost>[2]) => {
    if (port === 'off') return undefined;
    const listener = await listenOnLocalhost(port, purpose, make);
    opened.push(listener);
    return listener.port;
  };
  const accept = broker.accept.bind(broker);
  let certificate: ServerCertificate | undefined;
  if (options.tlsPort !== 'off') {
    certificate = await ensureCertificate(join(options.dataFolder, 'certificate'), clock.nowMs());
  }
  return {
    amqpPort: await open(options.amqpPort, 'AMQP', makeAmqpServer(accept)),
    tlsPort: certificate && (await open(options.tlsPort, 'AMQP over TLS', makeTlsServer(certificate, accept))),
    healthPort: await open(options.healthPort, 'health', makeHealthServer()),
    certificateFile: certificate?.authorityFile,
  };
}

/** The flag stands in the plain one only: older Java clients take it for a part of the key. */
function connectionStrings(
  amqpPort: number | undefined,
  tlsPort: number | undefined,
): Pick<RunningHub, 'connectionString' | 'tlsConnectionString'> {
  const plain = amqpPort === undefined ? undefined : `${connectionString(amqpPort)}UseDevelopmentEmulator=true;`;
  const secure = tlsPort === undefined ? undefined : connectionString(tlsPort);
  return { connectionString: plain ?? secure ?? '', tlsConnectionString: secure };
}

function connectionString(port: number): string {
  return `Endpoint=sb://localhost:${port};SharedAccessKeyName=${KEY_NAME};SharedAccessKey=${KEY_VALUE};`;
}

async function maintain(
  namespace: Namespace,
  broker: Broker,
  clock: Clock,
  retentionMs: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    if (retentionMs !== undefined) namespace.expireOlderThan(clock.nowMs() - retentionMs);
    broker.detachExpired(clock.nowMs());
    try {
      await clock.sleep(HUB_LIMITS.maintenanceIntervalMs, signal);
    } catch (error) {
      if (!isAbort(error)) throw error;
    }
  }
}
