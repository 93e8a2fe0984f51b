/** Field numbers of the ONNX format (onnx.proto). */
const MODEL_GRAPH = 7;
const GRAPH_INITIALIZER = 5;
const TENSOR_EXTERNAL_DATA = 13;
const ENTRY_KEY = 1;
const ENTRY_VALUE = 2;

/**
 * The files that a model's weights lie in, by their names in the model; in the order in which they come up. Only as
 * much of the format is read as that takes.
 *
 * @param model the bytes of an ONNX file; what is not one has no external data
 */
export function externalLocations(model: Uint8Array): string[] {
  const locations = new Set<string>();
  for (const graph of fields(model, MODEL_GRAPH)) {
    for (const initializer of fields(graph, GRAPH_INITIALIZER)) {
      for (const entry of fields(initializer, TENSOR_EXTERNAL_DATA)) {
        if (text(entry, ENTRY_KEY) === 'location') locations.add(text(entry, ENTRY_VALUE));
      }
    }
  }
  return [...locations];
}

function text(message: Uint8Array, field: number): string {
  for (const value of fields(message, field)) return new TextDecoder().decode(value);
  return '';
}

/** The length-delimited fields of a protobuf message with this number. */
function* fields(message: Uint8Array, wanted: number): Generator<Uint8Array> {
  const reader = { bytes: message, at: 0 };
  while (reader.at < message.byteLength) {
    const tag = varint(reader);
    const [number, kind] = [Math.floor(tag / 8), tag % 8];
    if (kind === 0) varint(reader);
    else if (kind === 1) reader.at += 8;
    else if (kind === 5) reader.at += 4;
    else if (kind === 2) {
      const length = varint(reader);
      if (number === wanted) yield message.subarray(reader.at, reader.at + length);
      reader.at += length;
    } else return;
  }
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
