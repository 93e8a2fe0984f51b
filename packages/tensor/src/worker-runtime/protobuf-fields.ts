/** One field of a protobuf message: bytes where it is length-delimited, a number where it is a varint. */
interface Field {
  readonly number: number;
  readonly value: Uint8Array | number;
}

/** The fields of a message that are length-delimited or varints; what is no message ends early. */
function* fieldsOf(message: Uint8Array): Generator<Field> {
  const reader = { bytes: message, at: 0 };
  while (reader.at < message.byteLength) {
    const tag = varint(reader);
    const [number, kind] = [Math.floor(tag / 8), tag % 8];
    if (kind === 0) yield { number, value: varint(reader) };
    else if (kind === 1) reader.at += 8;
    else if (kind === 5) reader.at += 4;
    else if (kind === 2) {
      const length = varint(reader);
      yield { number, value: message.subarray(reader.at, reader.at + length) };
      reader.at += length;
    } else return;
  }
}

/** The length-delimited fields with a number. */
export function* messagesOf(message: Uint8Array, wanted: number): Generator<Uint8Array> {
  for (const { number, value } of fieldsOf(message)) {
    if (number === wanted && typeof value !== 'number') yield value;
  }
}

/** The first length-delimited field with a number, as text; empty where there is none. */
export function textOf(message: Uint8Array, field: number): string {
  for (const value of messagesOf(message, field)) return new TextDecoder().decode(value);
  return '';
}

/** The first varint field with a number. */
export function numberOf(message: Uint8Array, field: number): number | undefined {
  for (const { number, value } of fieldsOf(message)) {
    if (number === field && typeof value === 'number') return value;
  }
  return undefined;
}

function varint(reader: { readonly bytes: Uint8Array; at: number }): number {
  let value = 0;
  let weight = 1;
  for (;;) {
    const byte = reader.bytes[reader.at++] ?? 0;
    value += (byte & 0x7f) * weight;
    if (byte < 0x80) return value;
    weight *= 128;
  }
}
