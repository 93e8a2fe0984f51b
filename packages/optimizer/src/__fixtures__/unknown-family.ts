import { type OnnxModel, readModel, replaceUses, writeModel } from '@cachequant/onnx';
import { openModelFolder, recipeFamily } from '@cachequant/pipeline';
import { type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { modelStorage } from './models.js';

const RENAMED = { encoder_hidden_states: 'words', text_embeds: 'summary', time_ids: 'frame' };

/** models/tiny/sdxl with parts and inputs of names that nothing here knows. */
export async function unknownModel(): Promise<Storage> {
  const { storage } = await openModelFolder(modelStorage('tiny/sdxl'));
  const copy = memoryStorage();
  for (const path of ['model_index.json', 'scheduler/scheduler_config.json', 'unet/config.json']) {
    await writeFile(copy, path, await storage.read(path));
  }
  for (const [from, to] of [
    ['text_encoder', 'text_encoder_left'],
    ['text_encoder_2', 'text_encoder_right'],
    ['vae_decoder', 'vae_decoder'],
  ] as const) {
    await writeModel(copy, `${to}/model.onnx`, await readModel(storage, `${from}/model.onnx`));
    await writeFile(copy, `${to}/config.json`, await storage.read(`${from}/config.json`));
  }
  for (const [from, to] of [
    ['tokenizer', 'tokenizer_left'],
    ['tokenizer_2', 'tokenizer_right'],
  ] as const) {
    for (const path of await storage.list(from)) {
      await writeFile(copy, `${to}${path.slice(from.length)}`, await storage.read(path));
    }
  }
  await writeModel(copy, 'unet/model.onnx', renamed(await readModel(storage, 'unet/model.onnx')));
  return copy;
}

function renamed(model: OnnxModel): OnnxModel {
  const { graph } = model;
  for (const [from, to] of Object.entries(RENAMED)) {
    replaceUses(graph, from, to);
    graph.inputs = graph.inputs.map((input) => (input.name === from ? { ...input, name: to } : input));
  }
  return model;
}

/** The family of it, which is known to who optimizes it and to nobody else. */
export const unknownFamily = recipeFamily({
  name: 'two encoders of a stranger',
  takesText: true,
  guided: true,
  accepts: ({ inputs }) => inputs.some(({ name }) => name === RENAMED.time_ids),
  describe: () => ({
    encoders: {
      text_encoder_left: { tokenizer: 'tokenizer_left', hiddenStates: 'penultimate' },
      text_encoder_right: {
        tokenizer: 'tokenizer_right',
        hiddenStates: 'penultimate',
        pooled: 'text_embeds',
      },
    },
    inputs: {
      [RENAMED.encoder_hidden_states]: {
        from: 'concat',
        axis: 2,
        parts: [
          { from: 'hidden_states', encoder: 'text_encoder_left' },
          { from: 'hidden_states', encoder: 'text_encoder_right' },
        ],
      },
      [RENAMED.text_embeds]: { from: 'pooled', encoder: 'text_encoder_right' },
      [RENAMED.time_ids]: {
        from: 'numbers',
        values: ['height', 'width', 0, 0, 'height', 'width'],
        dims: [1, 6],
        dtype: 'float32',
      },
    },
    zerosWithoutText: [RENAMED.encoder_hidden_states, RENAMED.text_embeds],
    windowed: RENAMED.encoder_hidden_states,
  }),
});
