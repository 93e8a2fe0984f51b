/** An ONNX model of one operator: y float32[1] = x + x. */
const MODEL =
  'CAg6QAoVCgF4CgF4EgF5GgVBZGRfMCIDQWRkEgVncmFwaFoPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCAhARQhEKDWNvbS5taWNyb3NvZnQQAQ==';

export function gpuProbe(): Uint8Array {
  return Uint8Array.from(atob(MODEL), (character) => character.charCodeAt(0));
}
