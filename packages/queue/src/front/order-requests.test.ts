import type { PictureOrder } from '@cachequant/server/internals';
import { describe, expect, test } from 'vitest';
import { requestsOf } from './order-requests.js';

const order: PictureOrder = {
  ...{ id: 'r', via: 'openai', model: 'm', prompt: 'a shoe', seed: 5, count: 2, partialPictures: 3 },
  ...{ steps: 4, negativePrompt: undefined, width: 16, height: 32, guidanceScale: 2, sampler: 'ddim' },
};
const model = { id: 'm', fingerprint: 'f', created: 0, takesText: true };

describe('requestsOf(order, model)', () => {
  test('gives a request for each picture, with ascending seeds', () => {
    const rest = { prompt: 'a shoe', steps: 4, width: 16, height: 32, guidanceScale: 2, sampler: 'ddim' };
    expect(requestsOf(order, model)).toEqual([
      { ...rest, seed: 5 },
      { ...rest, seed: 6 },
    ]);
  });

  test('hands a picture to change on', () => {
    const change = { image: 'aGk=', mask: undefined, strength: 0.5 };
    expect(requestsOf({ ...order, change, count: 1 }, model)[0]).toMatchObject({
      change: { image: 'aGk=', strength: 0.5 },
    });
  });

  test('leaves the prompt out for a model without text', () => {
    expect(
      requestsOf({ ...order, prompt: '', count: 1 }, { ...model, takesText: false })[0],
    ).not.toHaveProperty('prompt');
  });

  test('refuses what a job cannot say, rather than draw another picture', () => {
    const more = { ...order, image: new Uint8Array(3) };
    expect(() => requestsOf(more, model)).toThrow('Workers on a queue do not take this: image.');
  });
});
