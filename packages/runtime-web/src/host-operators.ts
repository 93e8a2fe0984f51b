import { CacheQuantError } from '@cachequant/tensor';

/** Operators of a graph by type, with how many of each there are. */
export type HostOperators = Readonly<Record<string, number>>;

/**
 * What ONNX Runtime computes on the processor by design, next to the graphics processor: sizes, indices and masks of a
 * few elements, whose results the processor needs itself. Their operators move data or do arithmetic on integers.
 */
const SHAPE_WORK: ReadonlySet<string> = new Set([
  ...[
    'Shape',
    'Size',
    'Gather',
    'GatherND',
    'Slice',
    'Split',
    'Concat',
    'Squeeze',
    'Unsqueeze',
    'Reshape',
    'Flatten',
  ],
  ...[
    'Identity',
    'Cast',
    'Range',
    'Expand',
    'Tile',
    'Transpose',
    'ConstantOfShape',
    'Where',
    'NonZero',
    'ArgMax',
  ],
  ...[
    'Add',
    'Sub',
    'Mul',
    'Div',
    'Mod',
    'Neg',
    'Abs',
    'Floor',
    'Ceil',
    'Min',
    'Max',
    'ReduceProd',
    'ReduceMax',
  ],
  ...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'And', 'Or', 'Not'],
]);

const PLACED_ON = /Node\(s\) placed on \[(\w+)\]/;
const NODE = /VerifyEachNodeIsAssignedToAnEp\]\s+(\w+) \(/;

/** Whether a log of a session that was loaded with warnings says that some operators are on the processor. */
export function saysThatSomeAreOnHost(log: readonly string[]): boolean {
  return log.some((line) =>
    line.includes('Some nodes were not assigned to the preferred execution providers'),
  );
}

/** The operators on the processor, from the log of a session that was loaded with everything told. */
export function hostOperatorsIn(log: readonly string[]): HostOperators {
  const counts: Record<string, number> = {};
  let provider = '';
  for (const line of log) {
    provider = PLACED_ON.exec(line)?.[1] ?? provider;
    const type = NODE.exec(line)?.[1];
    if (type !== undefined && provider === 'CPUExecutionProvider') counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
}

/** Those that compute: a model that has them there runs slowly, going back and forth, and nobody would know. */
export function computingOnHost(operators: HostOperators): HostOperators {
  return Object.fromEntries(Object.entries(operators).filter(([type]) => !SHAPE_WORK.has(type)));
}

export function describeOperators(operators: HostOperators): string {
  return Object.entries(operators)
    .map(([type, count]) => `${count} ${type}`)
    .join(', ');
}

/** For a model that WebGPU would run in part. */
export function notOnWebGpu(label: string, operators: HostOperators): CacheQuantError {
  return new CacheQuantError('unsupported', 'WebGPU has not all operators of the model', {
    where: label,
    expected: 'a model whose layers all run on the graphics processor',
    got: `${describeOperators(operators)} on the processor`,
    hint: "Take `device: 'wasm'`, or set `allowFallback` to run these operators on the processor",
  });
}
