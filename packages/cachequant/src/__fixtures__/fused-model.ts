import { join } from 'node:path';
import { makeNode, type OnnxNode, readModel, writeModel } from '@cachequant/onnx';
import { nodeStorage } from '@cachequant/runtime-node';
import { inRepository, temporaryFolder } from './command-line.js';

const MICROSOFT = { domain: 'com.microsoft' };

/**
 * A U-Net with the operators that ONNX Runtime's fusions for graphics cards write; nothing here runs them.
 * @param renamed standard operators that get a name which nobody knows
 */
export async function fusedModel(renamed: Readonly<Record<string, string>> = {}): Promise<string> {
  const model = await readModel(nodeStorage(inRepository('models/tiny/ddpm-unet')), 'model.onnx');
  const { graph } = model;
  graph.nodes = graph.nodes.flatMap((node, at) =>
    node.opType === 'Conv' ? channelsLast(node, `nhwc-${at}`) : [node],
  );
  for (const node of graph.nodes) {
    if (node.opType === 'InstanceNormalization')
      Object.assign(node, { opType: 'SkipGroupNorm', ...MICROSOFT });
    const name = renamed[node.opType];
    if (name !== undefined) Object.assign(node, { opType: name, domain: 'some.where' });
  }
  const folder = temporaryFolder();
  await writeModel(nodeStorage(folder), 'model.onnx', model);
  return join(folder, 'model.onnx');
}

function channelsLast({ inputs, outputs, attributes }: OnnxNode, id: string): OnnxNode[] {
  const [input, weight, ...bias] = inputs as [string, string, ...string[]];
  const convolution = makeNode('NhwcConv', [`${id}/x`, `${id}/w`, ...bias], [`${id}/y`], {}, MICROSOFT);
  return [
    makeNode('Transpose', [input], [`${id}/x`], { perm: [0, 2, 3, 1] }),
    makeNode('Transpose', [weight], [`${id}/w`], { perm: [0, 2, 3, 1] }),
    { ...convolution, attributes },
    makeNode('Transpose', [`${id}/y`], [outputs[0]!], { perm: [0, 3, 1, 2] }),
  ];
}
