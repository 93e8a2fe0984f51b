import { expect, it } from 'vitest';
import { type DeviceTensor, readTensor, tensor } from './index.js';

it('readTensor gives what is in memory as it is, and a copy of what is on a device, which stays there', async () => {
  const here = tensor('float32', [2], Float32Array.of(1, 2));
  expect(await readTensor(here)).toBe(here);
  let disposed = false;
  const there: DeviceTensor = {
    dtype: 'float32',
    dims: [2],
    device: 'test',
    read: async () => here,
    dispose: () => {
      disposed = true;
    },
  };
  expect(await readTensor(there)).toBe(here);
  expect(disposed).toBe(false);
});
