import { CacheQuantError, type Session, type Tensor, tensor } from '@cachequant/tensor';
import { convertTensor, readFloat32 } from '../../model/convert-tensor.js';
import { findGraph } from '../../model/find-graph.js';
import type { OpenConditioningContext } from '../conditioning-encoder.js';

/** A graph that gives a state for a number, such as a class's entry of a table. It owns its session. */
export interface GraphEmbedding {
  /** [1, 1, D]. */
  stateOf(value: number): Promise<Tensor<'float32'>>;
  dispose(): Promise<void>;
}

/** @throws CacheQuantError `storage` when the folder lacks the graph */
export async function openGraphEmbedding(
  where: string,
  { folder: { storage }, load }: Pick<OpenConditioningContext, 'folder' | 'load'>,
): Promise<GraphEmbedding> {
  const graph = await findGraph(storage, where);
  if (graph === undefined) {
    throw new CacheQuantError('storage', 'the model lacks a part', { where: `${where}/` });
  }
  const session = await load(graph);
  const known = new Map<number, Promise<Tensor<'float32'>>>();
  return {
    stateOf(value) {
      const state = known.get(value) ?? stateOf(session, where, value);
      known.set(value, state);
      return state;
    },
    dispose: () => session.dispose(),
  };
}

/** [1, 1, D], of a graph that takes numbers [B] or [B, 1] and gives states [B, D] or [B, 1, D]. */
async function stateOf(session: Session, where: string, value: number): Promise<Tensor<'float32'>> {
  const [input] = session.inputs;
  const [output] = session.outputs;
  if (input === undefined || output === undefined) {
    throw new CacheQuantError('unsupported', 'the graph has no input or no output', { where });
  }
  const given = tensor(
    'float64',
    input.dims.map(() => 1),
    Float64Array.of(value),
  );
  const outputs = await session.run(
    { [input.name]: convertTensor(given, input.dtype) },
    { outputs: [output.name] },
  );
  const { data } = await readFloat32(outputs[output.name]!);
  return tensor('float32', [1, 1, data.length], data);
}
