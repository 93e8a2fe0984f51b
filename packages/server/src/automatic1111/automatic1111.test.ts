import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { colourOf, type FakeModelOptions, fakeModel } from '../__fixtures__/fake-model.js';
import { gate, postJson, startServer } from '../__fixtures__/start-server.js';

interface TextToImageAnswer {
  readonly images: string[];
  readonly parameters: Record<string, unknown>;
  readonly info: string;
}

/** What Open WebUI and SillyTavern send beside what they mean. */
const CHAT_FIELDS = {
  restore_faces: false,
  enable_hr: false,
  hr_upscaler: 'Latent',
  hr_scale: 2,
  denoising_strength: 0.7,
  tiling: false,
  styles: [],
  script_name: '',
  alwayson_scripts: {},
  override_settings_restore_afterwards: true,
  save_images: false,
  send_images: true,
  clip_skip: 1,
};

async function start(options: FakeModelOptions = {}) {
  const models = [fakeModel('fashion', options), fakeModel('other')];
  const started = await startServer({ models });
  const draw = (body: object) => postJson(`${started.url}/sdapi/v1/txt2img`, body);
  return { ...started, draw, fashion: models[0]!, other: models[1]! };
}

describe('POST /sdapi/v1/txt2img', () => {
  test('draws what chat interfaces ask for', async () => {
    const { draw, fashion } = await start({ warnings: ['off calibration'] });
    const answer = await draw({
      ...CHAT_FIELDS,
      prompt: 'a red sneaker',
      negative_prompt: 'blue',
      seed: 4,
      steps: 3,
      cfg_scale: 5.5,
      width: 32,
      height: 24,
      sampler_name: 'DPM++ 2M',
      batch_size: 2,
      n_iter: 1,
    });
    expect(answer.status).toBe(200);
    const { images, parameters, info } = (await answer.json()) as TextToImageAnswer;
    const pixels = images.map((image) => sharp(Buffer.from(image, 'base64')).raw().toBuffer());
    expect((await Promise.all(pixels)).map((bytes) => [...bytes.subarray(0, 3)])).toEqual(
      [4, 5].map(colourOf),
    );
    expect(fashion.requests.map(({ onStep, signal, ...fields }) => fields)[1]).toEqual({
      prompt: 'a red sneaker',
      negativePrompt: 'blue',
      seed: 5,
      steps: 3,
      guidanceScale: 5.5,
      width: 32,
      height: 24,
      sampler: 'dpm-solver++',
    });
    expect(parameters).toMatchObject({ prompt: 'a red sneaker', seed: 4 });
    expect(JSON.parse(info)).toMatchObject({
      seed: 4,
      all_seeds: [4, 5],
      width: 32,
      height: 24,
      sd_model_name: 'fashion',
      warnings: ['off calibration'],
    });
  });

  test('leaves to the model what is left out, with any seed for -1', async () => {
    const { draw, fashion } = await start();
    for (const body of [{ prompt: 'x' }, { prompt: 'x', seed: -1, sampler_name: null, steps: null }]) {
      expect((await draw(body)).status).toBe(200);
    }
    const [first, second] = fashion.requests.map(({ onStep, signal, ...fields }) => fields);
    expect(Object.keys(first!)).toEqual(['seed', 'prompt']);
    expect(first!.seed).not.toBe(second!.seed);
    expect(second!.seed).toBeGreaterThanOrEqual(0);
  });

  test.each([
    ['a sampler that there is none of', { sampler_name: 'Restart' }, 'sampler_name'],
    ['the high-resolution pass', { enable_hr: true }, 'enable_hr'],
    ['restoration of faces', { restore_faces: true }, 'restore_faces'],
    ['scripts', { alwayson_scripts: { controlnet: {} } }, 'alwayson_scripts'],
    ['styles', { styles: ['anime'] }, 'styles'],
    ['too many pictures', { batch_size: 4, n_iter: 3 }, 'n_iter'],
    ['too many pixels', { width: 4096, height: 4096 }, 'width'],
    ['a size that the model cannot make', { width: 17 }, 'width'],
    ['text for steps', { steps: 'many' }, 'steps'],
  ])('refuses %s', async (_, fields, param) => {
    const { draw } = await start();
    const answer = await draw({ prompt: 'x', ...fields });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param, code: 'invalid_value' } });
  });

  test('refuses a model that there is none of', async () => {
    const { draw } = await start();
    const answer = await draw({ prompt: 'x', override_settings: { sd_model_checkpoint: 'none' } });
    expect(answer.status).toBe(404);
  });
});

describe('POST /sdapi/v1/img2img', () => {
  const square = async (gray: number) => {
    const raw = { width: 32, height: 24, channels: 3 } as const;
    const png = sharp(new Uint8Array(32 * 24 * 3).fill(gray), { raw }).png();
    return (await png.toBuffer()).toString('base64');
  };

  test('changes a picture as strongly as chat interfaces ask, within a mask', async () => {
    const { url, fashion } = await start();
    const post = (body: object) =>
      postJson(`${url}/sdapi/v1/img2img`, { ...CHAT_FIELDS, prompt: 'x', ...body });
    const picture = `data:image/png;base64,${await square(90)}`;
    const answer = await post({ init_images: [picture], seed: 4 });
    expect(answer.status).toBe(200);
    const { images, parameters } = (await answer.json()) as TextToImageAnswer;
    expect([images.length, parameters.prompt, 'init_images' in parameters]).toEqual([1, 'x', false]);
    const masked = { init_images: [await square(90)], mask: await square(255), denoising_strength: null };
    expect((await post(masked)).status).toBe(200);
    expect((await post({ ...masked, inpainting_mask_invert: 1 })).status).toBe(200);
    const seen = fashion.requests.map(({ image, mask, strength, width, height }) => ({
      size: [image!.width, image!.height, width, height],
      colours: [image!.rgb[0], mask?.rgb[0]],
      strength,
    }));
    const size = [32, 24, 32, 24];
    expect(seen).toEqual([
      { size, colours: [90, undefined], strength: 0.7 },
      { size, colours: [90, 255], strength: 0.75 },
      { size, colours: [90, 0], strength: 0.75 },
    ]);
  });

  test.each([
    [{}, 'init_images', 'missing_required_parameter'],
    [{ init_images: [] }, 'init_images', 'invalid_value'],
    [{ init_images: ['!no picture!'] }, 'init_images', 'invalid_image'],
    [{ init_images: ['x'.repeat(500_000)] }, 'init_images', 'invalid_image'],
    [{ init_images: ['/etc/passwd'] }, 'init_images', 'invalid_image'],
    [{ init_images: ['http://localhost/a.png'] }, 'init_images', 'invalid_image'],
  ])('refuses %j', async (body, param, code) => {
    const { url, fashion } = await start();
    const answer = await postJson(`${url}/sdapi/v1/img2img`, { prompt: 'x', ...body });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param, code } }]);
    expect(fashion.requests).toEqual([]);
  });
});

describe('GET and POST /sdapi/v1/options', () => {
  test('choose the model of requests that name none', async () => {
    const { url, draw, fashion, other } = await start();
    const options = async () => (await fetch(`${url}/sdapi/v1/options`)).json();
    expect(await options()).toEqual({ sd_model_checkpoint: 'fashion' });
    expect((await postJson(`${url}/sdapi/v1/options`, { sd_model_checkpoint: 'none' })).status).toBe(404);
    expect((await postJson(`${url}/sdapi/v1/options`, { sd_model_checkpoint: 'other' })).status).toBe(200);
    expect(await options()).toEqual({ sd_model_checkpoint: 'other' });
    await draw({ prompt: 'a' });
    await draw({ prompt: 'b', override_settings: { sd_model_checkpoint: 'fashion' } });
    await postJson(`${url}/v1/images/generations`, { prompt: 'c' });
    expect(other.requests.map(({ prompt }) => prompt)).toEqual(['a']);
    expect(fashion.requests.map(({ prompt }) => prompt)).toEqual(['b', 'c']);
  });
});

describe('GET /sdapi/v1/progress', () => {
  test('says where the picture is, with the picture so far', async () => {
    const door = gate();
    const { url, draw } = await start({
      beforeCall: (call, { seed }) => (call === 1 && seed === 8 ? door.wait() : undefined),
    });
    const progress = async (query = '') => (await fetch(`${url}/sdapi/v1/progress${query}`)).json();
    expect(await progress()).toMatchObject({ progress: 0, current_image: null, state: { job_count: 0 } });
    const drawn = draw({ prompt: 'x', seed: 7, batch_size: 2 });
    await door.reached;
    const now = (await progress()) as { current_image: string; eta_relative: number };
    expect(now).toMatchObject({
      progress: (1 + 1 / 4) / 2,
      state: { job_count: 2, job_no: 1, sampling_step: 1, sampling_steps: 4 },
    });
    expect(now.eta_relative).toBeGreaterThan(0);
    const picture = await sharp(Buffer.from(now.current_image, 'base64'))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([picture.info.width, picture.info.height, ...picture.data.subarray(0, 3)]).toEqual([
      16, 16, 50, 150, 150,
    ]);
    expect(await progress('?skip_current_image=true')).toMatchObject({ current_image: null });
    door.open();
    await drawn;
    expect(await progress()).toMatchObject({ progress: 0, current_image: null });
  });

  test('says nothing of pictures that came by another interface', async () => {
    const door = gate();
    const { url } = await start({ beforeCall: (call) => (call === 2 ? door.wait() : undefined) });
    const drawn = postJson(`${url}/v1/images/generations`, { prompt: 'x' });
    await door.reached;
    expect(await (await fetch(`${url}/sdapi/v1/progress`)).json()).toMatchObject({
      progress: 0,
      current_image: null,
    });
    door.open();
    await drawn;
  });
});

describe('lists', () => {
  test('of models and samplers are there', async () => {
    const { url } = await start();
    const models = (await (await fetch(`${url}/sdapi/v1/sd-models`)).json()) as { title: string }[];
    expect(models.map(({ title }) => title)).toEqual(['fashion', 'other']);
    const samplers = (await (await fetch(`${url}/sdapi/v1/samplers`)).json()) as { name: string }[];
    expect(samplers.map(({ name }) => name)).toContain('Euler a');
  });
});
