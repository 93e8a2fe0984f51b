import type { DType, TensorInfo } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { deviceTensor, fakeSession, floats, input } from '../__fixtures__/fake-session.js';
import { floatDenoiser } from './float-denoiser.js';

const SAMPLE = input('sample', 'float32', ['B', 1, 'H', 'W']);
const sample = floats([2, 1, 1, 1], 3, 5);

function echo(inputs: readonly TensorInfo[]) {
  return fakeSession(inputs, ['out_sample'], (feeds) => ({ out_sample: feeds.sample! }));
}

describe('floatDenoiser(session).predict', () => {
  it.each<[DType, TensorInfo['dims'], number[], number[]]>([
    ['int64', [], [], [981]],
    ['int32', [], [], [981]],
    ['float32', [1], [1], [980.6]],
    ['float32', ['B'], [2], [980.6, 980.6]],
    ['int64', ['batch_size'], [2], [981, 981]],
  ])('feeds the timestep as %s %j', async (dtype, declared, dims, values) => {
    const session = echo([SAMPLE, input('timestep', dtype, declared)]);
    await floatDenoiser(session).predict({ call: 0, timestep: 980.6, sample, conditioning: {} });
    const fed = session.runs[0]!.timestep!;
    expect(fed).toMatchObject({ dtype, dims });
    const numbers = 'data' in fed ? Array.from(fed.data, Number) : [];
    numbers.forEach((value, i) => {
      expect(value).toBeCloseTo(values[i]!, 3);
    });
    expect(numbers).toHaveLength(values.length);
  });

  it('feeds float16 where the graph wants it, and reads float16 as float32', async () => {
    const session = echo([input('sample', 'float16', [null, 1, 1, 1]), input('timestep', 'float16', [])]);
    const output = await floatDenoiser(session).predict({ call: 0, timestep: 1, sample, conditioning: {} });
    expect(session.runs[0]!.sample).toMatchObject({ dtype: 'float16', data: Uint16Array.of(0x4200, 0x4500) });
    expect(session.runs[0]!.timestep).toMatchObject({ data: Uint16Array.of(0x3c00) });
    expect(output).toEqual(sample);
  });

  it('feeds the call index to graphs that take it', async () => {
    const session = echo([SAMPLE, input('timestep', 'int64', []), input('call_index', 'int64', [])]);
    await floatDenoiser(session).predict({ call: 7, timestep: 1, sample, conditioning: {} });
    expect(session.runs[0]!.call_index).toEqual({ dtype: 'int64', dims: [], data: BigInt64Array.of(7n) });
  });

  it('feeds conditioning by name and in the declared type, and nothing that the graph does not take', async () => {
    const session = echo([SAMPLE, input('class_labels', 'int64', ['B'])]);
    const conditioning = { class_labels: floats([2], 4, 9), time_ids: floats([2], 0, 0) };
    await floatDenoiser(session).predict({ call: 0, timestep: 1, sample, conditioning });
    expect(session.runs[0]).toEqual({
      sample,
      class_labels: { dtype: 'int64', dims: [2], data: BigInt64Array.of(4n, 9n) },
    });
  });

  it('names the conditioning that is missing', async () => {
    const session = echo([SAMPLE, input('text_embeds', 'float32', ['B', 8])]);
    const call = { call: 0, timestep: 1, sample, conditioning: {} };
    await expect(floatDenoiser(session).predict(call)).rejects.toThrow('the model wants text_embeds');
  });

  it('reads and frees an output that stayed on the device', async () => {
    const kept = deviceTensor(sample);
    const session = fakeSession([SAMPLE], ['out_sample'], () => ({ out_sample: kept }));
    const output = await floatDenoiser(session).predict({ call: 0, timestep: 1, sample, conditioning: {} });
    expect(output).toEqual(sample);
    expect(kept.disposed).toBe(true);
  });

  it('takes the hidden_states of a transformer for the sample', async () => {
    const session = fakeSession([input('hidden_states', 'float32', ['B', 1, 1, 1])], ['out'], (feeds) => ({
      out: feeds.hidden_states!,
    }));
    const denoiser = floatDenoiser(session);
    expect(await denoiser.predict({ call: 0, timestep: 1, sample, conditioning: {} })).toEqual(sample);
    expect(denoiser.sampleInput.name).toBe('hidden_states');
    expect(denoiser.stats).toEqual({ fullCalls: 1, cachedCalls: 0 });
  });

  it('refuses a graph that is no denoiser', () => {
    expect(() => floatDenoiser(echo([input('pixels', 'float32', [])]))).toThrow('got pixels');
  });
});
