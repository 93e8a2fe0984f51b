import { type ByteSource, CacheQuantError } from '@cachequant/tensor';
import { visitGraphs } from '../analyze/subgraph.js';
import type { OnnxGraph, OnnxModel, Weight } from '../model.js';

/**
 * The path of an external file, relative to the model's folder, without `.` parts.
 * @throws CacheQuantError `onnx-format` for a path that is absolute or leaves the folder
 */
export function normalizeLocation(location: string): string {
  const parts = location.split('/').filter((part) => part !== '.' && part !== '');
  const outside =
    location.startsWith('/') || /[\\\0]/.test(location) || /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(location);
  if (outside || parts.includes('..') || parts.length === 0) {
    throw new CacheQuantError('onnx-format', 'external data outside the folder of the model', {
      where: 'location',
      expected: "a relative path with '/' and without '..'",
      got: `'${location}'`,
    });
  }
  return parts.join('/');
}

/** Every weight of a model: initializers and tensor attributes, of subgraphs and functions too. */
export function* allWeights(model: OnnxModel): Generator<Weight> {
  const graphs: OnnxGraph[] = [];
  visitGraphs(model.graph, (graph) => graphs.push(graph));
  for (const graph of graphs) yield* graph.initializers.values();
  const nodes = [
    ...graphs.flatMap((graph) => graph.nodes),
    ...model.functions.flatMap((entry) => entry.nodes),
  ];
  for (const node of nodes) {
    for (const attribute of node.attributes.values()) if (attribute.type === 'tensor') yield attribute.value;
  }
}

/**
 * Turns external data into ranges of the files where it lies.
 * @param open opens a location; each is opened once
 * @throws CacheQuantError `onnx-format` when a weight reaches past the end of its file
 */
export async function resolveExternalData(
  model: OnnxModel,
  name: string,
  open: (location: string) => Promise<ByteSource>,
): Promise<void> {
  const sources = new Map<string, ByteSource>();
  for (const weight of allWeights(model)) {
    const { data } = weight;
    if (data.kind !== 'external') continue;
    const location = normalizeLocation(data.location);
    const source = sources.get(location) ?? (await open(location));
    sources.set(location, source);
    if (data.offset + data.length > source.size) {
      throw new CacheQuantError('onnx-format', 'external data reaches past the end of its file', {
        where: `${name}: weight '${weight.name}' in '${location}'`,
        expected: `at least ${data.offset + data.length} bytes`,
        got: `${source.size}`,
        hint: 'Fetch the file of external data again, whole',
      });
    }
    weight.data = { kind: 'range', source, offset: data.offset, length: data.length };
  }
}

/** Where the weights of a model lie beside it, each once, as `normalizeLocation` gives them. */
export function locationsOf(model: OnnxModel): string[] {
  const locations = new Set<string>();
  for (const { data } of allWeights(model)) {
    if (data.kind === 'external') locations.add(normalizeLocation(data.location));
  }
  return [...locations];
}
