import { makeNode, type OnnxModel } from '@cachequant/onnx';
import { FURTHER_CHANNELS } from '@cachequant/pipeline/internals';

/**
 * Takes apart what a model for inpainting takes in one input: the noisy sample, and behind it the mask and the masked
 * picture, which no call changes. Bundles have an input for each. The model is changed.
 * @param sample the input that holds both
 * @param noisy channels of the sample alone
 * @param further channels behind it
 */
export function splitSample(
  { graph }: OnnxModel,
  sample: string,
  { noisy, further }: { readonly noisy: number; readonly further: number },
): void {
  const at = graph.inputs.findIndex(({ name }) => name === sample);
  const input = graph.inputs[at]!;
  const [batch = 'batch_size', , ...size] = input.dims ?? [];
  const whole = 'whole_sample';
  for (const node of graph.nodes) {
    for (const [i, name] of node.inputs.entries()) if (name === sample) node.inputs[i] = whole;
  }
  graph.inputs[at] = { ...input, dims: [batch, noisy, ...size] };
  graph.inputs.push({ ...input, name: FURTHER_CHANNELS, dims: [batch, further, ...size] });
  graph.nodes.unshift(makeNode('Concat', [sample, FURTHER_CHANNELS], [whole], { axis: 1 }, { name: whole }));
}
