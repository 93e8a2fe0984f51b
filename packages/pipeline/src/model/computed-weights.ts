import type { OnnxModel, WeightData } from '@cachequant/onnx';
import { type ByteSource, readExactly } from '@cachequant/tensor';

type Range = Extract<WeightData, { kind: 'range' }>;

/** A file that is no file: ranges of other sources, one after the other. */
class JoinedSource implements ByteSource {
  size = 0;
  readonly #parts: { readonly start: number; readonly data: Range }[] = [];

  constructor(readonly name: string) {}

  add(data: Range): number {
    const start = this.size;
    this.#parts.push({ start, data });
    this.size += data.length;
    return start;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    const bytes = new Uint8Array(Math.max(0, end - offset));
    for (const { start, data } of this.#parts) {
      const first = Math.max(offset, start);
      const last = Math.min(end, start + data.length);
      if (first >= last) continue;
      const part = await readExactly(data.source, data.offset + first - start, last - first);
      bytes.set(part, first - offset);
    }
    return bytes;
  }
}

/** A file of computed weights that a runtime takes from memory: below what one buffer may have. */
const FILE_BYTES = 2 ** 30;

/**
 * Gives the weights of a graph places in files of their own, which are computed when they are read, if there is one
 * among them that lies in no file of the checkpoint: runtimes take external data all from memory or all from files.
 * Weights of the model become external data there; the model is changed.
 * @param nameOf the name of the file with this number, from 0
 * @param open a file of the checkpoint, by its location
 * @returns the files, by name; none where all weights lie in files
 */
export function placeComputedWeights(
  { graph }: OnnxModel,
  nameOf: (index: number) => string,
  open: (location: string) => ByteSource,
): ReadonlyMap<string, ByteSource> {
  if (![...graph.initializers.values()].some(({ data }) => data.kind === 'range')) return new Map();
  const files = new Map<string, JoinedSource>();
  let last: JoinedSource | undefined;
  for (const weight of graph.initializers.values()) {
    if (weight.data.kind === 'bytes') continue;
    const data =
      weight.data.kind === 'range'
        ? weight.data
        : { ...weight.data, kind: 'range' as const, source: open(weight.data.location) };
    if (last === undefined || last.size + data.length > FILE_BYTES) {
      last = new JoinedSource(nameOf(files.size));
      files.set(last.name, last);
    }
    const { name: location } = last;
    weight.data = { kind: 'external', location, offset: last.add(data), length: data.length };
  }
  return files;
}
