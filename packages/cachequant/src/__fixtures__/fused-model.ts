import { join } from 'node:path';
import { readModel, writeModel } from '@cachequant/onnx';
import { nodeStorage } from '@cachequant/runtime-node';
import { inRepository, temporaryFolder } from './command-line.js';

/** A U-Net with the operators that ONNX Runtime's fusions for graphics cards write; nothing here runs them. */
export async function fusedModel(): Promise<string> {
  const model = await readModel(nodeStorage(inRepository('models/tiny/ddpm-unet')), 'model.onnx');
  for (const node of model.graph.nodes) {
    if (node.opType === 'Conv') Object.assign(node, { opType: 'NhwcConv', domain: 'com.microsoft' });
    if (node.opType === 'InstanceNormalization')
      Object.assign(node, { opType: 'SkipGroupNorm', domain: 'com.microsoft' });
  }
  const folder = temporaryFolder();
  await writeModel(nodeStorage(folder), 'model.onnx', model);
  return join(folder, 'model.onnx');
}
