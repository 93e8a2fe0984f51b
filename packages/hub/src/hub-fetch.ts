import { setTimeout as sleep } from 'node:timers/promises';
import { CacheQuantError } from '@cachequant/tensor';
import { HubError } from './hub-error.js';
import type { HubSettings } from './settings.js';

export interface Connection {
  readonly settings: HubSettings;
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal | undefined;
  /** How often a request is tried that fails for reasons that pass, and how long to wait at first. */
  readonly attempts: number;
  readonly waitMs: number;
}

/** Waiting longer than this for a limit to pass is left to the caller. */
const LONGEST_WAIT_MS = 60_000;

/**
 * Asks the Hub, again where the trouble may pass: no connection, 429, 5xx.
 *
 * @param about what is asked for, for messages
 * @throws HubError for all answers but 2xx, and when there is none; CacheQuantError `aborted`
 */
export async function hubFetch(
  { settings, fetch, signal, attempts, waitMs }: Connection,
  about: string,
  url: string,
  init: RequestInit = {},
): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('user-agent', 'cachequant');
  // The token goes to the Hub alone; fetch leaves it out where a redirect leads elsewhere.
  const own = new URL(url).origin === new URL(settings.endpoint).origin;
  if (settings.token !== undefined && own) headers.set('authorization', `Bearer ${settings.token}`);
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryOnce(
      () => fetch(url, { ...init, headers, ...(signal && { signal }) }),
      about,
      signal,
    );
    if (outcome instanceof Response) return outcome;
    const wait =
      outcome.retryAfterSeconds === undefined
        ? waitMs * 2 ** (attempt - 1)
        : outcome.retryAfterSeconds * 1000;
    if (!passes(outcome) || attempt >= attempts || wait > LONGEST_WAIT_MS) throw outcome;
    await pause(wait, signal);
  }
}

/** Whether the same request may succeed later. */
function passes({ reason }: HubError): boolean {
  return reason === 'unreachable' || reason === 'rate-limited' || reason === 'server';
}

/** @throws CacheQuantError `aborted` */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds, undefined, signal && { signal }).catch((cause: unknown) => stopped(cause));
}

function stopped(cause: unknown): never {
  throw new CacheQuantError('aborted', 'stopped on request', { cause });
}

async function tryOnce(
  request: () => Promise<Response>,
  about: string,
  signal: AbortSignal | undefined,
): Promise<Response | HubError> {
  try {
    const response = await request();
    return response.ok ? response : await errorOf(response, about);
  } catch (cause) {
    if (signal?.aborted) stopped(cause);
    return unreachable(about, cause);
  }
}

export function unreachable(about: string, cause: unknown): HubError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return new HubError('unreachable', 'there is no connection to the Hub, or it was cut', {
    where: about,
    got: inner instanceof Error ? ((inner as NodeJS.ErrnoException).code ?? inner.message) : String(inner),
    hint: 'Run the same command again: what has arrived is kept. Behind a mirror, set HF_ENDPOINT; without a network, HF_HUB_OFFLINE=1 uses what the cache holds',
    cause,
  });
}

async function errorOf(response: Response, about: string): Promise<HubError> {
  const { status, headers } = response;
  const code = headers.get('x-error-code') ?? '';
  const text = headers.get('x-error-message') ?? '';
  await response.body?.cancel();
  const got = [`status ${status}`, code, text].filter((part) => part !== '').join(', ');
  if (code === 'GatedRepo') {
    return new HubError('gated', 'this model wants its terms accepted first', {
      where: about,
      got,
      hint: "Log in on the model's page and accept them, then give a token of that account: HF_TOKEN=hf_… or `hf auth login`",
    });
  }
  if (status === 404 || code === 'RepoNotFound' || code === 'RevisionNotFound' || code === 'EntryNotFound') {
    return new HubError('missing', notFound(code), {
      where: about,
      got,
      hint: 'Check the spelling. A private model is found with a token alone: HF_TOKEN=hf_… or `hf auth login`',
    });
  }
  if (status === 401 || status === 403) {
    return new HubError('unauthorized', 'the Hub does not let this account read the model', {
      where: about,
      got,
      hint: 'Check the token (HF_TOKEN, or `hf auth login`) and what it may read',
    });
  }
  if (status === 429) {
    const retryAfterSeconds = secondsOf(headers.get('retry-after'));
    return new HubError('rate-limited', 'the Hub gets too many requests from here', {
      where: about,
      got,
      hint: `Wait ${retryAfterSeconds === undefined ? 'a few minutes' : `${retryAfterSeconds} s`} and run the same command again; with a token (HF_TOKEN) the limit is higher`,
      retryAfterSeconds,
    });
  }
  return new HubError('server', 'the Hub answered with an error', {
    where: about,
    got,
    hint:
      status >= 500 ? 'Try again later; https://status.huggingface.co says how it is' : 'Check HF_ENDPOINT',
  });
}

function notFound(code: string): string {
  if (code === 'RevisionNotFound') return 'there is no such revision of the model';
  if (code === 'EntryNotFound') return 'there is no such file in the model';
  return 'there is no such model, or it is private';
}

/** Retry-After is a number of seconds or a date. */
function secondsOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000));
}
