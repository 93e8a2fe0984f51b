import { CacheQuantError } from '@cachequant/tensor';
import { concatBytes } from './decode.js';
import { type NamedField, type Schema, WIRE_OF } from './schema.js';
import { type Piece, ProtoWriter } from './writer.js';

/** Writes a message: its listed fields in the schema's order, then the unknown ones as they were. */
export function encode<T>(schema: Schema<T>, value: T): ProtoWriter {
  const writer = new ProtoWriter();
  const fields = value as Record<string, unknown>;
  for (const field of schema.fields) {
    const content = fields[field.name];
    if (content === undefined) continue;
    const values = field.repeated ? (content as unknown[]) : [content];
    for (const entry of values) writeField(writer, field, entry);
  }
  if (fields.unknown instanceof Uint8Array) writer.raw(fields.unknown);
  return writer;
}

function writeField(writer: ProtoWriter, field: NamedField, value: unknown): void {
  writer.tag(field.number, WIRE_OF[field.kind]);
  switch (field.kind) {
    case 'int':
      writer.int(value as bigint);
      break;
    case 'float':
      writer.float(value as number);
      break;
    case 'string':
      writer.string(value as string);
      break;
    case 'message':
      writer.nested(encode(field.schema!(), value));
      break;
    default:
      writer.bytes(value as Piece);
  }
}

/**
 * Puts pieces together in memory.
 * @throws CacheQuantError `invalid-argument` when one of them is not in memory
 */
export function joinPieces(pieces: readonly Piece[], where: string): Uint8Array {
  return concatBytes(
    pieces.map((piece) => {
      if (piece instanceof Uint8Array) return piece;
      throw new CacheQuantError('invalid-argument', 'a weight is not in memory', {
        where,
        got: `${piece.length} bytes of ${piece.source.name}`,
        hint: 'Use writeModel, which copies weights from file to file',
      });
    }),
  );
}
