import { CacheQuantError } from '@cachequant/tensor';
import type { HostOperators } from './host-log.js';

/**
 * What ONNX Runtime computes on the processor by design, next to the graphics processor: sizes, indices and masks of a
 * few elements, whose results the processor needs itself. Their operators move data or do arithmetic on integers.
 */
const SHAPE_WORK: ReadonlySet<string> = new Set(
  `Shape Size Gather GatherND Slice Split Concat Squeeze Unsqueeze Reshape Flatten Identity Cast Range Expand Tile
  Transpose ConstantOfShape Where NonZero ArgMax Add Sub Mul Div Mod Neg Abs Floor Ceil Min Max ReduceProd ReduceMax
  Equal Less LessOrEqual Greater GreaterOrEqual And Or Not`.split(/\s+/),
);

/** Those that compute: a model that has them there runs slowly, going back and forth, and nobody would know. */
export function computingOnHost(operators: HostOperators): HostOperators {
  return Object.fromEntries(Object.entries(operators).filter(([type]) => !SHAPE_WORK.has(type)));
}

export function describeOperators(operators: HostOperators): string {
  return Object.entries(operators)
    .map(([type, count]) => (type === '*' ? `all ${count} operators` : `${count} ${type}`))
    .join(', ');
}

/** For a model that WebGPU would run in part, or not at all. */
export function notOnWebGpu(label: string, operators: HostOperators): CacheQuantError {
  return new CacheQuantError('unsupported', 'WebGPU lacks operators of the model', {
    where: label,
    expected: 'a model whose layers all run on the graphics processor',
    got: `${describeOperators(operators)} on the processor`,
    hint: "Take `device: 'wasm'`, or set `allowFallback` to run these operators on the processor",
  });
}
