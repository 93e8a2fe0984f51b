import {
  type BundleManifest,
  type BundlePlanner,
  openPlanner,
  type Replan,
  type ReplanOptions,
} from '@cachequant/pipeline';
import type { Storage } from '@cachequant/tensor';
import { byId, within } from '../dom.js';
import type { OpenedBundle } from '../engine/models.js';
import { percent } from '../format.js';
import type { Timeline } from '../view/timeline.js';

const TO_SEE = ' Generate to see it.';

/** The knobs of the schedule, and the plan that they stand for. */
export class PlanPanel {
  readonly #interval = byId('interval', HTMLInputElement);
  readonly #schedule = byId('schedule', HTMLSelectElement);
  readonly #corrections = byId('corrections', HTMLFieldSetElement);
  readonly #reset = byId('plan-reset', HTMLButtonElement);
  readonly #text = byId('plan-text', HTMLElement);
  #bundle: OpenedBundle | undefined;
  #planner: BundlePlanner | undefined;
  #plan: Replan | undefined;
  /** The largest error that is drawn, so that plans can be compared by their heights. */
  #scale = 1;

  constructor(
    readonly timeline: Timeline,
    readonly onError: (error: unknown) => void,
  ) {
    for (const knob of [this.#interval, this.#schedule, this.#corrections]) {
      knob.addEventListener('input', () => this.#turned());
    }
    this.#reset.addEventListener('click', () => this.#asInBundle());
  }

  /** Shows a bundle's own schedule; knobs turn when it holds what they need. */
  async show(bundle: OpenedBundle): Promise<void> {
    this.#bundle = bundle;
    this.#planner = undefined;
    this.#plan = undefined;
    this.#enable(false);
    this.#draw(bundle.manifest.schedule.refreshCalls);
    const planner = await openPlanner(bundle.storage, bundle.manifest);
    if (this.#bundle !== bundle) return;
    if (planner === undefined) {
      this.#text.textContent = `${this.#text.textContent} It holds no moments to replan from.`;
      return;
    }
    this.#planner = planner;
    this.#interval.max = String(planner.longestInterval);
    const worst = planner.plan({
      interval: planner.longestInterval,
      schedule: 'uniform',
      correction: 'none',
    });
    this.#scale = Math.max(...worst.expectedError);
    this.#asInBundle();
    this.#enable(true);
  }

  /** The files to run: the bundle's own, or with the plan in place. */
  async storage(): Promise<Storage> {
    const bundle = this.#bundle!;
    if (this.#plan === undefined) return bundle.storage;
    this.#applied.set(this.#plan, this.#applied.get(this.#plan) ?? this.#planner!.apply(this.#plan));
    return this.#applied.get(this.#plan)!;
  }
  readonly #applied = new WeakMap<Replan, Promise<Storage>>();

  /** Says that the plan has been seen. */
  ran(): void {
    this.#text.textContent = (this.#text.textContent ?? '').replace(TO_SEE, '');
  }

  #asInBundle(): void {
    const { schedule, corrections } = this.#bundle!.manifest;
    this.#plan = undefined;
    this.#interval.value = String(schedule.interval);
    this.#schedule.value = schedule.kind;
    const radio = this.#corrections.querySelector<HTMLInputElement>(`[value="${corrections.cache}"]`);
    if (radio) radio.checked = true;
    const own = this.#planner && planned(this.#planner, this.#options());
    this.#draw(schedule.refreshCalls, own?.expectedError);
  }

  #turned(): void {
    try {
      this.#plan = this.#planner!.plan(this.#options());
      const { refreshCalls, expectedError } = this.#plan;
      if (sameAs(this.#bundle!.manifest, this.#plan)) this.#plan = undefined;
      this.#draw(refreshCalls, expectedError);
    } catch (error) {
      this.onError(error);
    }
  }

  #options(): ReplanOptions {
    const correction = within<HTMLInputElement>(this.#corrections, ':checked').value;
    return {
      interval: Number(this.#interval.value),
      schedule: this.#schedule.value as ReplanOptions['schedule'],
      correction: correction as ReplanOptions['correction'],
    };
  }

  #draw(refreshCalls: readonly number[], errors?: readonly number[]): void {
    const { calls } = this.#bundle!.manifest.sampler;
    const changed = this.#plan !== undefined;
    byId('interval-value', HTMLOutputElement).value = this.#interval.value;
    this.#reset.disabled = this.#planner === undefined || !changed;
    const cached = errors?.filter((_, call) => !refreshCalls.includes(call)) ?? [];
    const mean = cached.reduce((sum, error) => sum + error, 0) / Math.max(1, cached.length);
    const expected =
      errors === undefined ? '' : ` Cached features are expected to be off by ${percent(mean)}.`;
    const reused = calls - refreshCalls.length;
    const words = `${refreshCalls.length} refreshes, ${reused} of ${calls} calls from the cache.${expected}`;
    this.#text.textContent = changed ? `${words}${TO_SEE}` : words;
    // Square roots, so that small errors can be told apart.
    const heights = errors?.map((error) => Math.min(1, Math.sqrt(error / this.#scale)));
    this.timeline.plan(calls, refreshCalls, heights, `Schedule: ${words}`);
  }

  #enable(on: boolean): void {
    this.#interval.disabled = !on;
    this.#schedule.disabled = !on;
    this.#corrections.disabled = !on;
    for (const radio of this.#corrections.querySelectorAll('input')) {
      radio.disabled = !(this.#planner?.corrections as readonly string[] | undefined)?.includes(radio.value);
    }
  }
}

function planned(planner: BundlePlanner, options: ReplanOptions): Replan | undefined {
  return planner.corrections.includes(options.correction) ? planner.plan(options) : undefined;
}

/** Whether the knobs are back where the bundle is. */
function sameAs({ schedule, corrections }: BundleManifest, plan: Replan): boolean {
  return corrections.cache === plan.correction && String(schedule.refreshCalls) === String(plan.refreshCalls);
}
