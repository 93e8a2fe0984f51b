// @ts-check

/** @typedef {{ id: string, model: string, image: number, images: number, call: number, calls: number, seconds: number }} Order */

const POLL_MS = 1000;
const KEY = 'cachequant-key';

/** @type {AbortController | undefined} */
let drawing;
let ownId = '';
/** What the server did not take for a key, which need not be sent again and again. @type {string | undefined} */
let refusedKey;

const form = /** @type {HTMLFormElement} */ (element('form'));
const keyField = input('key');
keyField.value = sessionStorage.getItem(KEY) ?? '';
form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (drawing === undefined) draw();
});
element('cancel').addEventListener('click', () => drawing?.abort());
keyField.addEventListener('change', () => {
  sessionStorage.setItem(KEY, keyField.value);
  connect();
});
connect();
poll();

/** Draws what the form says, and shows it as it comes about. */
async function draw() {
  drawing = new AbortController();
  ownId = `page-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;
  showBusy(true);
  say('');
  element('pictures').replaceChildren();
  try {
    const answer = await send('/v1/images/generations', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': ownId },
      body: JSON.stringify(requestBody()),
      signal: drawing.signal,
    });
    for await (const event of eventsOf(answer)) {
      if (event.error) throw new Error(event.error.message);
      showPicture(event);
    }
  } catch (error) {
    if (drawing.signal.aborted) say('Cancelled.');
    else say(error instanceof Error ? error.message : String(error));
  }
  drawing = undefined;
  ownId = '';
  showBusy(false);
}

/** Fields that are left empty are left to the model. */
function requestBody() {
  const body = {
    prompt: /** @type {HTMLTextAreaElement} */ (element('prompt')).value,
    model: /** @type {HTMLSelectElement} */ (element('model')).value,
    negative_prompt: input('negative').value,
    n: numberIn('count'),
    seed: numberIn('seed'),
    num_inference_steps: numberIn('steps'),
    guidance_scale: numberIn('guidance'),
    size: input('size').value,
  };
  const given = Object.entries(body).filter(
    ([name, value]) => name === 'prompt' || (value !== '' && value !== undefined),
  );
  return { ...Object.fromEntries(given), stream: true, partial_images: 3 };
}

/**
 * @param {string} id
 * @returns {number | undefined}
 */
function numberIn(id) {
  const { value } = input(id);
  return value === '' ? undefined : Number(value);
}

/** @param {any} event of a picture, unfinished or finished */
function showPicture({
  type,
  image_index: image,
  b64_json: data,
  output_format: format,
  size,
  seed,
  warnings,
}) {
  const id = `picture-${image}`;
  const figure = document.getElementById(id) ?? addFigure(id);
  const picture = /** @type {HTMLImageElement} */ (figure.querySelector('img'));
  const caption = /** @type {HTMLElement} */ (figure.querySelector('figcaption'));
  const isDone = type === 'image_generation.completed';
  picture.src = `data:image/${format};base64,${data}`;
  picture.classList.toggle('small', Number.parseInt(size, 10) < 200);
  picture.alt = isDone ? `Picture with seed ${seed}` : 'Unfinished picture';
  caption.textContent = isDone ? [`Seed ${seed}, ${size}.`, ...(warnings ?? [])].join(' ') : 'Generating…';
}

/** @param {string} id */
function addFigure(id) {
  const figure = document.createElement('figure');
  figure.id = id;
  figure.append(document.createElement('img'), document.createElement('figcaption'));
  element('pictures').append(figure);
  return figure;
}

/**
 * The data of server-sent events.
 *
 * @param {Response} answer
 */
async function* eventsOf(answer) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    text += decoder.decode(value, { stream: !done });
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const line = event.split('\n').find((one) => one.startsWith('data: '));
      if (line !== undefined) yield JSON.parse(line.slice('data: '.length));
    }
    if (done) return;
  }
}

/** Asks what models there are; a server with keys answers nothing else without one. */
async function connect() {
  try {
    const { data } = await (await send('/v1/models')).json();
    const options = data.map((/** @type {{ id: string }} */ { id }) => new Option(id, id));
    element('model').replaceChildren(...options);
    say('');
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
}

/** Looks at the queue again and again, as long as the page is seen. */
async function poll() {
  if (!document.hidden) await showQueue().catch(() => setState('The server does not answer.'));
  setTimeout(poll, POLL_MS);
}

async function showQueue() {
  const ready = await fetch('/readyz');
  if (refusedKey === keyField.value) {
    setState(ready.ok ? 'Ready · asks for a key' : 'Not ready: warming up, or ending.');
    return;
  }
  const queue = await (await send('/queue')).json();
  const { running, waiting, capacity } =
    /** @type {{ running: Order[], waiting: Order[], capacity: number }} */ (queue);
  setState(
    ready.ok ? `Ready · ${waiting.length} of ${capacity} places taken` : 'Not ready: warming up, or ending.',
  );
  const orders = [...running, ...waiting];
  element('queue').replaceChildren(...orders.map((order) => queueLine(order, running.includes(order))));
  const at = orders.findIndex(({ id }) => id === ownId && ownId !== '');
  if (at >= 0) showProgress(/** @type {Order} */ (orders[at]), at, running.length);
}

/**
 * @param {Order} order
 * @param {boolean} isRunning
 */
function queueLine({ id, model, images, seconds }, isRunning) {
  const line = document.createElement('li');
  line.className = id === ownId ? 'mine' : '';
  const what = `${images} ${images === 1 ? 'picture' : 'pictures'} by ${model}`;
  line.textContent = `${id === ownId ? 'Yours: ' : ''}${what}, ${isRunning ? 'being generated' : 'waiting'}, ${Math.round(seconds)} s`;
  return line;
}

/**
 * @param {Order} order
 * @param {number} at its place
 * @param {number} drawn how many are being drawn
 */
function showProgress({ image, images, call, calls }, at, drawn) {
  const bar = /** @type {HTMLProgressElement} */ (element('bar'));
  const isRunning = at < drawn;
  if (isRunning && calls > 0) bar.value = (image + call / calls) / images;
  else bar.removeAttribute('value');
  const picture = images > 1 ? `picture ${image + 1} of ${images}, ` : '';
  element('stage').textContent = isRunning ? `${picture}call ${call} of ${calls || '?'}` : `${at} before you`;
}

/** @param {boolean} isBusy */
function showBusy(isBusy) {
  /** @type {HTMLButtonElement} */ (element('draw')).disabled = isBusy;
  /** @type {HTMLButtonElement} */ (element('cancel')).disabled = !isBusy;
  element('progress').hidden = !isBusy;
  element('stage').textContent = '';
  /** @type {HTMLProgressElement} */ (element('bar')).removeAttribute('value');
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
async function send(path, options = {}) {
  const key = keyField.value;
  const headers = { ...options.headers, ...(key && { authorization: `Bearer ${key}` }) };
  const answer = await fetch(path, { ...options, headers });
  if (answer.status === 401) {
    element('key-field').hidden = false;
    refusedKey = key;
  }
  if (answer.ok) return answer;
  const { error } = await answer.json().catch(() => ({}));
  throw new Error(error?.message ?? `The server answers ${answer.status}.`);
}

/** @param {string} text */
function say(text) {
  element('message').textContent = text;
  element('message').hidden = text === '';
}

/** @param {string} text */
function setState(text) {
  element('state').textContent = text;
}

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @param {string} id */
function input(id) {
  return /** @type {HTMLInputElement} */ (element(id));
}
