import type { OnnxGraph, ValueInfo } from '@cachequant/onnx';

/** What the files around a graph say of the sizes that the graph leaves open. */
export interface SizeHints {
  /** Height and width of the sample. */
  readonly sampleSize?: readonly [number, number] | undefined;
  readonly channels?: number | undefined;
  /** Tokens of a prompt. */
  readonly promptLength?: number | undefined;
  /** Width of the text encoder's output. */
  readonly textWidth?: number | undefined;
}

/** Both halves of guidance. */
const BATCH = 2;
const SAMPLE_SIZE = 64;
const CHANNELS = 4;
const PROMPT_LENGTH = 77;
const TEXT_WIDTH = 768;

/** The inputs that a caller feeds; initializers may be declared as inputs too. */
export function feedInputs(graph: OnnxGraph): ValueInfo[] {
  return graph.inputs.filter(({ name }) => !graph.initializers.has(name));
}

/**
 * Sizes at which a graph is analysed: what is given, else what the graph fixes, else what its files say, else
 * those of Stable Diffusion with guidance. A symbol has one size in all inputs.
 * @param given shapes by input; checked by the shape inference that they go to
 */
export function analysisDims(
  graph: OnnxGraph,
  hints: SizeHints,
  given: Readonly<Record<string, readonly number[]>> = {},
): Record<string, number[]> {
  const inputs = feedInputs(graph);
  const symbols = new Map<string, number>();
  for (const { name, dims } of inputs) {
    for (const [axis, dim] of (dims ?? []).entries()) {
      const size = given[name]?.[axis];
      if (typeof dim === 'string' && size !== undefined) symbols.set(dim, size);
    }
  }
  const chosen: Record<string, number[]> = {};
  for (const [name, dims] of Object.entries(given)) chosen[name] = [...dims];
  for (const input of inputs) {
    if (chosen[input.name] !== undefined || input.dims === undefined) continue;
    chosen[input.name] = input.dims.map((dim, axis) => {
      if (typeof dim === 'number') return dim;
      const size = (dim === null ? undefined : symbols.get(dim)) ?? openSize(input, axis, hints);
      if (dim !== null) symbols.set(dim, size);
      return size;
    });
  }
  return chosen;
}

function openSize({ dims = [] }: ValueInfo, axis: number, hints: SizeHints): number {
  if (axis === 0) return BATCH;
  if (dims.length === 4) {
    return [
      hints.channels ?? CHANNELS,
      hints.sampleSize?.[0] ?? SAMPLE_SIZE,
      hints.sampleSize?.[1] ?? SAMPLE_SIZE,
    ][axis - 1]!;
  }
  if (dims.length === 3 && axis === 2) return hints.textWidth ?? TEXT_WIDTH;
  return hints.promptLength ?? PROMPT_LENGTH;
}
