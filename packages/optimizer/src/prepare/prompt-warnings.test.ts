import { describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { promptWarnings } from './prompt-warnings.js';

const FOLDER = { storage: modelStorage('fashion-sd'), tokenizer: 'tokenizer' };
const warningsOf = (...prompts: string[]) =>
  promptWarnings(
    FOLDER,
    prompts.map((prompt) => ({ prompt })),
  );

describe('promptWarnings(folder, images)', () => {
  it('says nothing of prompts in words that the tokenizer knows', async () => {
    expect(await warningsOf('a photo of a red sneaker', 'a blue dress')).toEqual([]);
  });

  it('names words that the tokenizer has to spell', async () => {
    expect(await warningsOf('an astronaut riding a hippopotamus', 'a red dress')).toEqual([
      expect.stringMatching(
        /does not know \d of the 7 words of the calibration prompts \(.*(astronaut|hippopotamus)/,
      ),
    ]);
  });

  it('says nothing without a tokenizer', async () => {
    const { storage } = FOLDER;
    expect(await promptWarnings({ storage, tokenizer: undefined }, [{ prompt: 'hippopotamus' }])).toEqual([]);
  });
});
