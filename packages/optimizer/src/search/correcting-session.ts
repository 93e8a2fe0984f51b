import { channelLayout, type ForecastTables } from '@cachequant/correction';
import { readTensor, type Session, type Tensor, type TensorInfo, tensor } from '@cachequant/tensor';
import { CACHE_NAME, PREVIOUS_CACHE_NAME } from '../calibration-context.js';

const CALL_INDEX: TensorInfo = { name: 'call_index', dtype: 'int64', dims: [] };

/**
 * A cached graph without tables as one that has them: what it is fed is corrected before, so that other tables need no
 * other graph. `call_index` says which row of them a call takes.
 */
export function correctingSession(session: Session, tables: ForecastTables): Session {
  const cache = session.inputs.find(({ name }) => name === CACHE_NAME)!;
  const isIndexed = session.inputs.some(({ name }) => name === CALL_INDEX.name);
  return {
    inputs: [...session.inputs, { ...cache, name: PREVIOUS_CACHE_NAME }, ...(isIndexed ? [] : [CALL_INDEX])],
    outputs: session.outputs,
    run: async (feeds, options) => {
      const { [PREVIOUS_CACHE_NAME]: previous, [CALL_INDEX.name]: index, ...others } = feeds;
      const call = Number((index as Tensor).data[0]);
      const [newest, before] = await Promise.all([feeds[CACHE_NAME]!, previous!].map(readTensor));
      const features = corrected(newest!, before!, tables, call);
      return session.run(
        { ...others, [CACHE_NAME]: features, ...(isIndexed && { [CALL_INDEX.name]: index! }) },
        options,
      );
    },
    endProfiling: () => session.endProfiling(),
    dispose: () => session.dispose(),
  };
}

/** x̂ = a0 ⊙ x_s + a1 ⊙ x_p + b */
function corrected(newest: Tensor, previous: Tensor, tables: ForecastTables, call: number): Tensor {
  const { channels, positions, channelsLast } = channelLayout(newest.dims);
  const [x, p] = [newest.data as Float32Array, previous.data as Float32Array];
  const row = call * tables.channels;
  const made = tensor('float32', newest.dims);
  for (let i = 0; i < x.length; i++) {
    const at = row + (channelsLast ? i % channels : Math.floor(i / positions) % channels);
    made.data[i] = tables.a0[at]! * x[i]! + tables.a1[at]! * p[i]! + tables.b[at]!;
  }
  return made;
}
