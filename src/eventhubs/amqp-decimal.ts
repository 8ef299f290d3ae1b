interface DecimalFormat {
  readonly bits: number;
  readonly exponentBits: number;
  readonly bias: number;
  readonly digitsMax: number;
}

const FORMATS: Readonly<Record<number, DecimalFormat>> = {
  4: { bits: 32, exponentBits: 8, bias: 101, digitsMax: 7 },
  8: { bits: 64, exponentBits: 10, bias: 398, digitsMax: 16 },
  16: { bits: 128, exponentBits: 14, bias: 6176, digitsMax: 34 },
};

/** Plain notation down to this exponent of the first digit, as the General Decimal Arithmetic writes it. */
const PLAIN_EXPONENT_MIN = -6;

/** The text of an IEEE 754-2008 decimal in the binary integer encoding of AMQP: 4, 8 or 16 bytes. */
export function decimalText(bytes: Uint8Array): string {
  const format = FORMATS[bytes.length];
  if (format === undefined) throw new RangeError(`a decimal has 4, 8 or 16 bytes, not ${bytes.length}`);
  const { bits, exponentBits, bias, digitsMax } = format;
  const raw = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  const sign = raw >> BigInt(bits - 1) === 1n ? '-' : '';
  const field = (shift: number, width: number): number => Number((raw >> BigInt(shift)) & ((1n << BigInt(width)) - 1n));
  const top = field(bits - 5, 4);
  if (top === 15) return field(bits - 6, 1) === 1 ? 'NaN' : `${sign}Infinity`;
  // With both first bits set the coefficient begins with the implied bits 100 and the exponent stands two bits lower.
  const large = top >= 12;
  const coefficientBits = bits - 1 - exponentBits - (large ? 2 : 0);
  const low = raw & ((1n << BigInt(coefficientBits)) - 1n);
  const coefficient = large ? (4n << BigInt(coefficientBits)) | low : low;
  const exponent = field(coefficientBits, exponentBits) - bias;
  // A coefficient with more digits than the format has is not canonical, and means 0.
  return sign + scientific(coefficient < 10n ** BigInt(digitsMax) ? coefficient : 0n, exponent);
}

function scientific(coefficient: bigint, exponent: number): string {
  const digits = coefficient.toString();
  const adjusted = exponent + digits.length - 1;
  if (exponent === 0) return digits;
  if (exponent < 0 && adjusted >= PLAIN_EXPONENT_MIN) {
    const padded = digits.padStart(1 - exponent, '0');
    return `${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
  }
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
  return `${digits[0]}${fraction}E${adjusted < 0 ? '' : '+'}${adjusted}`;
}
