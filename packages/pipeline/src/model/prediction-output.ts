import { type OnnxModel, removeDeadNodes, type ValueInfo } from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';

/** What exporters call the prediction. */
const USUAL = ['out_sample', 'noise_pred', 'prediction', 'output', 'out', 'sample', 'model_output'];

/** Axes of a sample: pictures, channels, height, width. */
const AXES = 4;
/** Channels that are told from a height or a width. */
const FEW_CHANNELS = 4;

/**
 * Leaves a graph the one output that predicts: the one that is named, the only one, or the only one with as many axes as
 * the sample, where several have a usual name.
 * @throws CacheQuantError `invalid-argument` for a name that it has not, `unsupported` where it cannot be told and for
 * samples with their channels last
 */
export function keepPrediction(
  model: OnnxModel,
  sample: string,
  named: string | undefined,
  where: string,
): void {
  const { graph } = model;
  const input = graph.inputs.find(({ name }) => name === sample)!;
  requireChannelsFirst(input, where);
  const chosen =
    named === undefined ? told(graph.outputs, input, where) : byName(graph.outputs, named, where);
  if (graph.outputs.length === 1) return;
  graph.outputs = [chosen];
  removeDeadNodes(graph);
}

function byName(outputs: readonly ValueInfo[], named: string, where: string): ValueInfo {
  const found = outputs.find(({ name }) => name === named);
  if (found !== undefined) return found;
  throw new CacheQuantError('invalid-argument', `the graph has no output ${named}`, {
    where,
    expected: outputs.map(({ name }) => name).join(', '),
  });
}

function told(outputs: readonly ValueInfo[], { dims }: ValueInfo, where: string): ValueInfo {
  const alike = outputs.filter((output) => !output.dims || output.dims.length === (dims?.length ?? AXES));
  if (outputs.length === 1) return outputs[0]!;
  if (alike.length === 1) return alike[0]!;
  const usual = alike.filter(({ name }) => USUAL.includes(name));
  if (usual.length === 1) return usual[0]!;
  throw new CacheQuantError(
    'unsupported',
    'the graph has several outputs, and which of them predicts is not told',
    {
      where,
      got: outputs.map((output) => `${output.name} [${output.dims?.join() ?? ''}]`).join(', ') || 'none',
      hint: 'Name it: --output NAME',
    },
  );
}

/** A sample whose last axis alone is as short as channels are. */
function requireChannelsFirst({ name, dims }: ValueInfo, where: string): void {
  const [, second, , last] = dims ?? [];
  const isFew = (size: unknown) => typeof size === 'number' && size <= FEW_CHANNELS;
  if (dims?.length !== AXES || !isFew(last) || isFew(second)) return;
  throw new CacheQuantError('unsupported', 'the sample has its channels last', {
    where: `${where}, input ${name}`,
    expected: '[B, C, H, W]',
    got: `[${dims.map((dim) => dim ?? 'any').join()}]`,
    hint: 'Export the model with channels first, or transpose input and output in the graph',
  });
}
