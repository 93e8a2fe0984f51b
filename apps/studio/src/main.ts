import { createModelCache } from '@cachequant/runtime-web';
import { byId, make } from './dom.js';
import { readCatalog } from './engine/catalog.js';
import { explain } from './engine/explain.js';
import { Models, type OpenedBundle } from './engine/models.js';
import type { DeviceChoice } from './engine/runtimes.js';
import { megabytes } from './format.js';
import { offlineSwitch } from './offline.js';
import { PlanPanel } from './plan/plan-panel.js';
import { Studio } from './studio.js';
import { acceptBundles } from './view/drop-zone.js';
import { showNotice } from './view/notice.js';
import { fillSuggestions } from './view/suggestions.js';
import { Timeline } from './view/timeline.js';

const form = byId('request', HTMLFormElement);
const go = byId('go', HTMLButtonElement);
const prompt = byId('prompt', HTMLInputElement);
const seed = byId('seed', HTMLInputElement);
const device = byId('device', HTMLSelectElement);
const threads = byId('threads', HTMLSelectElement);

start().catch((error) => showNotice(byId('notice', HTMLElement), explain(error)));

async function start(): Promise<void> {
  const [catalog, cache] = await Promise.all([readCatalog(), createModelCache()]);
  const models = new Models(catalog, cache);
  let studio: Studio;
  const plan = new PlanPanel(new Timeline(byId('timeline', HTMLElement)), (error) => studio.fail(error));
  studio = new Studio(models, plan, deviceChoice);

  // One thing at a time. Another bundle stops whatever is under way; a picture waits for its bundle.
  let opening = new AbortController();
  let drawing = new AbortController();
  let last: Promise<unknown> = Promise.resolve();
  const next = (signal: AbortSignal, work: () => Promise<void>, stopped: () => void): void => {
    last = last.then(async () => {
      try {
        if (!signal.aborted) await work();
      } catch (error) {
        if (signal.aborted) stopped();
        else studio.fail(error);
      }
      void showStored();
    });
  };
  const open = (find: (signal: AbortSignal) => Promise<OpenedBundle>): void => {
    opening.abort();
    drawing.abort();
    opening = new AbortController();
    const { signal } = opening;
    next(
      signal,
      async () => studio.take(await find(signal)),
      () => undefined,
    );
  };
  const draw = (): void => {
    const request = { prompt: prompt.value, seed: Number(seed.value) };
    compute((signal) => studio.generate(request, signal));
  };
  const compute = (work: (signal: AbortSignal) => Promise<void>): void => {
    drawing.abort();
    drawing = new AbortController();
    const { signal } = drawing;
    busy(true);
    next(
      signal,
      () => work(signal),
      () => studio.stopped(),
    );
    // Not when another picture was asked for meanwhile.
    last.then(() => drawing.signal === signal && busy(false));
  };

  const openNamed = (name: string) =>
    open((signal) => {
      const entry = catalog.bundles.find((candidate) => candidate.name === name) ?? catalog.bundles[0]!;
      return models.openEntry(entry, studio.progressOn('bundle'), signal);
    });

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (go.classList.contains('stop')) drawing.abort();
    else draw();
  });
  go.disabled = false;
  byId('repeat', HTMLButtonElement).addEventListener('click', () =>
    compute((signal) => studio.repeat(signal)),
  );
  byId('dice', HTMLButtonElement).addEventListener('click', () => {
    seed.value = String(crypto.getRandomValues(new Uint16Array(1))[0]);
  });
  fillSuggestions(byId('suggestions', HTMLElement), (text) => {
    prompt.value = text;
    draw();
  });
  acceptBundles((brought) =>
    open(async (signal) => {
      const taken = await brought;
      const opened = await models.openBrought(taken, deviceChoice(), studio.progressOn('bundle'), signal);
      for (const radio of bits.querySelectorAll('input')) radio.checked = false;
      return opened;
    }),
  );

  const bits = byId('bits', HTMLElement);
  for (const [i, { name, title }] of catalog.bundles.entries()) {
    const radio = make('input', { type: 'radio', name: 'bits', value: name });
    radio.checked = i === 0;
    radio.addEventListener('change', () => openNamed(name));
    bits.append(make('label', {}, radio, title));
  }

  async function showStored(): Promise<void> {
    const files = await cache.list();
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const place = cache.persistent ? 'kept in this browser' : 'kept in memory';
    byId('stored', HTMLElement).textContent = `${megabytes(bytes)} of models ${place}`;
  }
  byId('forget', HTMLButtonElement).addEventListener('click', () => cache.clear().then(showStored));

  if (!globalThis.crossOriginIsolated) {
    threads.disabled = true;
    threads.value = '1';
    threads.title = 'Several threads need a page with isolation headers, or the switch below';
  }
  byId('backend', HTMLElement).textContent = globalThis.crossOriginIsolated
    ? 'ready, several threads'
    : 'ready, one thread';
  await offlineSwitch({
    keepModels: (onProgress) => models.keepAll(onProgress),
    onError: (error) => studio.fail(error),
  });
  openNamed(catalog.bundles[0]!.name);
}

function deviceChoice(): DeviceChoice {
  return {
    device: device.value as DeviceChoice['device'],
    threads: threads.value === 'auto' || threads.disabled ? undefined : Number(threads.value),
  };
}

function busy(on: boolean): void {
  go.textContent = on ? 'Stop' : 'Generate';
  go.classList.toggle('stop', on);
  form.setAttribute('aria-busy', String(on));
}
