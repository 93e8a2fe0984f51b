import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the Hub is, who asks, and where its files are kept. */
export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  /** The folder of `models--…`, which Python's huggingface_hub shares. */
  readonly cache: string;
  readonly token: string | undefined;
  /** Whether to do without any connection. */
  readonly offline: boolean;
}

/**
 * Reads the settings as Python's huggingface_hub does: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN, the file that
 * `hf auth login` writes, HF_TOKEN_PATH, HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_HUB_OFFLINE, XDG_CACHE_HOME.
 */
export async function hubSettings(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<HubSettings> {
  const get = (name: string) => environment[name]?.trim() || undefined;
  const home = environment.HOME ?? homedir();
  const expand = (path: string) => path.replace(/^~(?=$|[/\\])/, home);
  const caches = expand(get('XDG_CACHE_HOME') ?? join(home, '.cache'));
  const root = expand(get('HF_HOME') ?? join(caches, 'huggingface'));
  const written = get('HF_TOKEN') ?? get('HUGGING_FACE_HUB_TOKEN');
  const anonymous = isOn(get('HF_HUB_DISABLE_IMPLICIT_TOKEN'));
  return {
    endpoint: (get('HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, ''),
    cache: expand(get('HF_HUB_CACHE') ?? get('HUGGINGFACE_HUB_CACHE') ?? join(root, 'hub')),
    token: anonymous
      ? undefined
      : (written ?? (await readToken(expand(get('HF_TOKEN_PATH') ?? join(root, 'token'))))),
    offline: isOn(get('HF_HUB_OFFLINE') ?? get('TRANSFORMERS_OFFLINE')),
  };
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && ['1', 'ON', 'YES', 'TRUE'].includes(value.toUpperCase());
}

async function readToken(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.replace(/[\r\n]/g, '').trim() || undefined;
}
