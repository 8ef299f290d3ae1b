import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { generate } from 'selfsigned';

export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
  /** PEM file to be trusted by clients. */
  readonly authorityFile: string;
}

const LIFETIME_MS = 10 * 365 * 86_400_000;
const RENEW_BEFORE_MS = 30 * 86_400_000;
/** Certificates begin a day early: a client's clock may be behind. */
const BACKDATE_MS = 86_400_000;

/** The certificate of `localhost` and 127.0.0.1, signed by an authority of its own; made once and kept. */
export async function ensureCertificate(folder: string, nowMs: number): Promise<ServerCertificate> {
  const authorityFile = join(folder, 'ca.pem');
  const [certFile, keyFile] = [join(folder, 'server.pem'), join(folder, 'server.key')];
  if (isUsable(certFile, nowMs) && existsSync(keyFile) && existsSync(authorityFile)) {
    return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), authorityFile };
  }
  const validity = {
    algorithm: 'sha256',
    keySize: 2048,
    notBeforeDate: new Date(nowMs - BACKDATE_MS),
    notAfterDate: new Date(nowMs + LIFETIME_MS),
  } as const;
  const authority = await generate([{ name: 'commonName', value: 'Sluice local Event Hubs authority' }], {
    ...validity,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...validity,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  mkdirSync(folder, { recursive: true });
  writeFileSync(authorityFile, authority.cert);
  writeFileSync(certFile, server.cert);
  writeFileSync(keyFile, server.private, { mode: 0o600 });
  return { cert: server.cert, key: server.private, authorityFile };
}

function isUsable(certFile: string, nowMs: number): boolean {
  if (!existsSync(certFile)) return false;
  return Date.parse(new X509Certificate(readFileSync(certFile)).validTo) > nowMs + RENEW_BEFORE_MS;
}
