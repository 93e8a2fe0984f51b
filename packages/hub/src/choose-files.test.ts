import { describe, expect, test } from 'vitest';
import { chooseFiles } from './index.js';

const part = ['diffusers', 'SomeClass'];

describe('chooseFiles(paths, index)', () => {
  test("takes SDXL's parts in half precision, and nothing of the single files beside them", () => {
    const index = {
      _class_name: 'StableDiffusionXLPipeline',
      scheduler: part,
      text_encoder: part,
      text_encoder_2: part,
      tokenizer: part,
      tokenizer_2: part,
      unet: part,
      vae: part,
    };
    const weights = (folder: string, base: string) => [
      `${folder}/config.json`,
      `${folder}/${base}.safetensors`,
      `${folder}/${base}.fp16.safetensors`,
      `${folder}/model.onnx`,
      `${folder}/openvino_model.bin`,
    ];
    const paths = [
      'LICENSE.md',
      'README.md',
      '.gitattributes',
      '01.png',
      'model_index.json',
      'scheduler/scheduler_config.json',
      'sd_xl_base_1.0.safetensors',
      ...weights('text_encoder', 'model'),
      ...weights('text_encoder_2', 'model'),
      'tokenizer/vocab.json',
      'tokenizer_2/merges.txt',
      ...weights('unet', 'diffusion_pytorch_model'),
      ...weights('vae', 'diffusion_pytorch_model'),
      'vae_1_0/diffusion_pytorch_model.safetensors',
    ];
    expect(chooseFiles(paths, index)).toEqual({
      variant: 'fp16',
      paths: [
        'LICENSE.md',
        'README.md',
        'model_index.json',
        'scheduler/scheduler_config.json',
        'text_encoder/config.json',
        'text_encoder/model.fp16.safetensors',
        'text_encoder_2/config.json',
        'text_encoder_2/model.fp16.safetensors',
        'tokenizer/vocab.json',
        'tokenizer_2/merges.txt',
        'unet/config.json',
        'unet/diffusion_pytorch_model.fp16.safetensors',
        'vae/config.json',
        'vae/diffusion_pytorch_model.fp16.safetensors',
      ],
    });
  });

  test('takes weights in parts, of the chosen variant alone', () => {
    const paths = [
      'model_index.json',
      'transformer/diffusion_pytorch_model.safetensors.index.json',
      'transformer/diffusion_pytorch_model-00001-of-00002.safetensors',
      'transformer/diffusion_pytorch_model-00002-of-00002.safetensors',
      'text_encoder_3/model.safetensors.index.fp16.json',
      'text_encoder_3/model.fp16-00001-of-00002.safetensors',
      'text_encoder_3/model.fp16-00002-of-00002.safetensors',
      'text_encoder_3/model.safetensors.index.json',
      'text_encoder_3/model-00001-of-00001.safetensors',
    ];
    const { paths: chosen } = chooseFiles(paths, { transformer: part, text_encoder_3: part });
    expect(chosen).toEqual([...paths.slice(0, 7)].sort());
  });

  test('takes ONNX where there is nothing else, with its external data and both halves of the autoencoder', () => {
    const paths = [
      'model_index.json',
      'unet/model.onnx',
      'unet/model.onnx_data',
      'vae_decoder/model.onnx',
      'vae_encoder/model.onnx',
    ];
    expect(chooseFiles(paths, { unet: part, vae_decoder: part, vae_encoder: part }).paths).toEqual(paths);
    expect(chooseFiles(paths, { unet: part, vae: part }).paths).toEqual(paths);
  });

  test('takes a single model, or the one file of a LoRA', () => {
    expect(
      chooseFiles(['config.json', 'diffusion_pytorch_model.safetensors', 'a.png'], undefined).paths,
    ).toEqual(['config.json', 'diffusion_pytorch_model.safetensors']);
    expect(chooseFiles(['lora.safetensors'], undefined).paths).toEqual(['lora.safetensors']);
    expect(() => chooseFiles(['a.safetensors', 'b.safetensors'], undefined)).toThrow(
      /several files.*Name the file/,
    );
  });

  test('refuses pickles, and models without weights', () => {
    expect(() => chooseFiles(['unet/diffusion_pytorch_model.bin'], { unet: part })).toThrow(
      /part 'unet'.*pickles/s,
    );
    expect(() => chooseFiles(['README.md'], undefined)).toThrow(/no weights/);
    expect(() => chooseFiles(['unet/diffusion_pytorch_model.safetensors'], { unet: part }, 'fp16')).toThrow(
      /expected the plain one, got fp16/,
    );
  });
});
