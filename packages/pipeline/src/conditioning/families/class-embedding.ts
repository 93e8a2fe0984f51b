import { CacheQuantError, type Session, type Tensor, tensor } from '@cachequant/tensor';
import { convertTensor, readFloat32 } from '../../model/convert-tensor.js';
import type { ConditionedModel, ConditioningFamily } from '../conditioning-encoder.js';

/**
 * Latent diffusion of classes: the denoiser attends to one state, the class's entry of a table. The last entry stands
 * for no class, and is the unconditional half.
 *
 * Source: Rombach et al., 2022, https://arxiv.org/abs/2112.10752, as their code samples ImageNet's classes
 * (`cin256-v2`: 1,001 entries, guidance scale 3).
 */
export const classEmbeddingFamily: ConditioningFamily = {
  name: 'class embeddings',
  takesText: false,
  guided: true,
  defaults: { steps: 50, guidanceScale: 3 },
  accepts: ({ folder, inputs }) =>
    folder.classEmbedder !== undefined && folder.textEncoder === undefined && inputs.length === 1,
  classes: classesOf,
  async open(model) {
    const none = classesOf(model);
    const { name } = model.inputs[0]!;
    const session = await model.load(model.folder.classEmbedder!.model);
    const known = new Map<number, Promise<Tensor<'float32'>>>();
    return {
      async encode({ classLabel = none }, half) {
        const label = half === 'conditional' ? classLabel : none;
        const state = known.get(label) ?? stateOf(session, label);
        known.set(label, state);
        return { [name]: await state };
      },
      dispose: () => session.dispose(),
    };
  },
};

function classesOf({ folder }: ConditionedModel): number {
  return folder.classEmbedder!.config.n_classes - 1;
}

/** [1, 1, D], of a graph that takes labels [B] or [B, 1] and gives states [B, D] or [B, 1, D]. */
async function stateOf(session: Session, label: number): Promise<Tensor<'float32'>> {
  const [input] = session.inputs;
  const [output] = session.outputs;
  if (input === undefined || output === undefined) {
    throw new CacheQuantError('unsupported', 'the graph has no input or no output', {
      where: 'class_embedder',
    });
  }
  const ids = tensor(
    'int32',
    input.dims.map(() => 1),
    Int32Array.of(label),
  );
  const outputs = await session.run(
    { [input.name]: convertTensor(ids, input.dtype) },
    { outputs: [output.name] },
  );
  const { data } = await readFloat32(outputs[output.name]!);
  return tensor('float32', [1, 1, data.length], data);
}
