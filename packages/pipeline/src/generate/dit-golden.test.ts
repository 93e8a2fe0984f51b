import { expect, it } from 'vitest';
import { describeGolden } from '../__fixtures__/golden-pipeline.js';

await describeGolden('tiny/dit-pipeline', (generator) => {
  it('asks for 4 as guidance scale and 50 steps, as DiTPipeline does', () => {
    expect(generator().defaults).toMatchObject({ steps: 50, guidanceScale: 4 });
  });

  it.each([
    [{}, /the class label is missing.*from 0 to 9/s],
    [{ classLabel: 10 }, /there is no such class.*from 0 to 9.*10/s],
    [{ classLabel: 1, prompt: 'a fox' }, /takes no text/],
  ])('refuses %j before any network call', async (request, message) => {
    const before = generator().denoiser.stats.fullCalls;
    await expect(generator().generate(request)).rejects.toThrow(message);
    expect(generator().denoiser.stats.fullCalls).toBe(before);
  });

  it('draws each class otherwise', async () => {
    const draw = async (classLabel: number) =>
      (await generator().generate({ classLabel, steps: 1, seed: 1 })).images[0]!;
    const [first, second] = [await draw(0), await draw(1)];
    expect(first.classLabel).toBe(0);
    expect(first.latents.data).not.toEqual(second.latents.data);
  });
});
