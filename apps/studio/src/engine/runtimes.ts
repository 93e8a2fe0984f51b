import { createWebRuntime, type Device, type WebRuntime } from '@cachequant/runtime-web';

export interface DeviceChoice {
  readonly device: Device;
  readonly threads: number | undefined;
}

/** The runtime that both models share, and that is started over when another device is asked for. */
export class Runtimes {
  #key = '';
  #runtime: Promise<WebRuntime> | undefined;
  /** Told before a runtime ends, so that whatever was loaded into it can be let go. */
  readonly #onEnd: () => Promise<void>;

  constructor(onEnd: () => Promise<void>) {
    this.#onEnd = onEnd;
  }

  async get({ device, threads }: DeviceChoice): Promise<WebRuntime> {
    const key = `${device} ${threads}`;
    if (this.#runtime !== undefined && key === this.#key) return this.#runtime;
    await this.end();
    this.#key = key;
    const starting = createWebRuntime({ device, ...(threads !== undefined && { threads }) });
    this.#runtime = starting;
    starting.catch(() => {
      if (this.#runtime === starting) this.#runtime = undefined;
    });
    return starting;
  }

  async end(): Promise<void> {
    const running = this.#runtime;
    this.#runtime = undefined;
    await this.#onEnd();
    await (await running?.catch(() => undefined))?.dispose();
  }
}
