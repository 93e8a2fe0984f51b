import { messagesOf, textOf } from './protobuf-fields.js';

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
  for (const graph of messagesOf(model, MODEL_GRAPH)) {
    for (const initializer of messagesOf(graph, GRAPH_INITIALIZER)) {
      for (const entry of messagesOf(initializer, TENSOR_EXTERNAL_DATA)) {
        if (textOf(entry, ENTRY_KEY) === 'location') locations.add(textOf(entry, ENTRY_VALUE));
      }
    }
  }
  return [...locations];
}
