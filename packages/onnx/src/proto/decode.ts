import { type ProtoReader, WIRE } from './reader.js';
import { type NamedField, type Schema, WIRE_OF } from './schema.js';

/**
 * Reads one message up to `end`. Repeated fields are always arrays; a singular field that comes twice keeps its last
 * value, but a message that comes twice is refused.
 * @throws CacheQuantError `onnx-format`
 */
export function decode<T>(schema: Schema<T>, reader: ProtoReader, end: number, depth = 0): T {
  reader.checkDepth(depth);
  const result: Record<string, unknown> = {};
  for (const field of schema.fields) if (field.repeated) result[field.name] = [];
  const unknown: Uint8Array[] = [];
  // Fields that follow one another share a view, so that a million of them do not make a million.
  const run = { start: -1, end: -1 };
  while (reader.position < end) {
    const start = reader.position;
    if (readKnown(schema, result, reader, end, depth)) continue;
    if (start === run.end) unknown.pop();
    else run.start = start;
    run.end = reader.position;
    unknown.push(reader.since(run.start));
  }
  if (unknown.length > 0) result.unknown = concatBytes(unknown);
  return result as T;
}

/** Reads one field. @returns false for one that the schema does not list, after moving past it */
function readKnown<T>(
  schema: Schema<T>,
  result: Record<string, unknown>,
  reader: ProtoReader,
  end: number,
  depth: number,
): boolean {
  const tag = reader.readSize(end);
  const wireType = tag % 8;
  const number = Math.floor(tag / 8);
  if (number === 0) reader.fail('a field has the number 0');
  const field = schema.byNumber.get(number);
  if (field !== undefined && readField(result, field, { reader, wireType, end, depth, in: schema.message }))
    return true;
  reader.count('items');
  reader.skip(wireType, end);
  return false;
}

interface Place {
  readonly reader: ProtoReader;
  readonly wireType: number;
  readonly end: number;
  readonly depth: number;
  readonly in: string;
}

/** @returns false for a wire type that does not fit, which makes the field an unknown one */
function readField(result: Record<string, unknown>, field: NamedField, place: Place): boolean {
  const { reader, wireType, end } = place;
  if (field.repeated) {
    reader.count(field.limit);
    return readRepeated(result[field.name] as unknown[], field, place);
  }
  if (wireType !== WIRE_OF[field.kind]) return false;
  if (field.kind === 'message' && result[field.name] !== undefined) {
    reader.fail(`${place.in}.${field.name} comes twice`);
  }
  result[field.name] = readValue(field, reader, end, place.depth);
  return true;
}

function readRepeated(list: unknown[], field: NamedField, place: Place): boolean {
  const { reader, wireType, end } = place;
  if (field.kind === 'packed') {
    if (wireType === WIRE.bytes) {
      list.push(reader.readBytes(end));
      return true;
    }
    const start = reader.position;
    reader.skip(wireType, end);
    list.push(reader.since(start));
    return true;
  }
  if (wireType === WIRE_OF[field.kind]) {
    list.push(readValue(field, reader, end, place.depth));
    return true;
  }
  if (wireType !== WIRE.bytes) return false;
  const listEnd = reader.readLength(end) + reader.position;
  while (reader.position < listEnd) {
    reader.count(field.limit);
    list.push(readValue(field, reader, listEnd, place.depth));
  }
  return true;
}

function readValue(field: NamedField, reader: ProtoReader, end: number, depth: number): unknown {
  switch (field.kind) {
    case 'int':
      return reader.readInt(end);
    case 'float':
      return reader.readFloat(end);
    case 'string':
      return reader.readString(end);
    case 'data':
      return reader.readData(end);
    case 'bytes':
    case 'packed':
      return reader.readBytes(end);
    case 'message': {
      const length = reader.readLength(end);
      return decode(field.schema!(), reader, reader.position + length, depth + 1);
    }
  }
}

export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const result = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    result.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return result;
}
