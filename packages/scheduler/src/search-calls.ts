import { CacheQuantError, MersenneTwister, requireInteger } from '@cachequant/tensor';
import {
  CALL_ACTIONS,
  type CallAction,
  type CallCosts,
  type CallPlan,
  callPlanCost,
  callPlanText,
  checkedCallPlan,
} from './call-plan.js';

/** What a search of plans begins with, may spend, and is bounded by. */
export interface CallSearchOptions {
  /** Plans to begin with, such as those of `startingPlans`; at least one has to keep to the budget. */
  readonly starts: readonly CallPlan[];
  readonly costs: CallCosts;
  /** What a plan's calls may cost together. */
  readonly budget: number;
  /** Plans to score at most. */
  readonly evaluations: number;
  /** Plans for which this is false are not scored; left out: all are. */
  readonly isAllowed?: (plan: CallPlan) => boolean;
  /** Differences of scores that annealing begins and ends with. */
  readonly temperatures?: readonly [first: number, last: number];
  readonly seed?: number;
}

/** A plan whose score the search asks for. */
export interface ScoreRequest {
  readonly plan: CallPlan;
  /** How many were scored before. */
  readonly scored: number;
}

/** The best plan that was scored. */
export interface CallSearchResult {
  readonly plan: CallPlan;
  readonly score: number;
  readonly cost: number;
  /** The best of the plans that the search began with. */
  readonly start: { readonly plan: CallPlan; readonly score: number };
  readonly scored: number;
}

/**
 * Searches for the plan of the highest score within a budget, as a generator: it yields a plan, is given its score,
 * and returns the best. Whoever runs it does the scoring, may stop at any time, and may give scores of an earlier
 * attempt again: the same scores lead the same way.
 *
 * All starts are scored first, so the result is never below the best of them. Then simulated annealing, for three
 * fifths of what is left, and hill climbing over single changes and exchanges from the best plan. Not exact: nothing is
 * known of the score but its values.
 * Source: BudCache, 2026, https://arxiv.org/abs/2606.13496, annealing and hill climbing over masks of steps under a
 * fixed budget. Differs: calls can be skipped and computed in half as well, the budget is a cost and not a number of
 * calls, and the search begins with known plans.
 * @throws CacheQuantError `infeasible-schedule` when no start keeps to the budget, `invalid-argument`
 * @example
 * const search = searchCalls({ starts, costs, budget, evaluations: 200 });
 * let step = search.next();
 * while (!step.done) step = search.next(await scoreOf(step.value.plan));
 */
export function* searchCalls(options: CallSearchOptions): Generator<ScoreRequest, CallSearchResult, number> {
  const { costs, budget, evaluations } = options;
  requireInteger('evaluations', evaluations, 1);
  const starts = affordableStarts(options);
  const scores = new Map<string, number>();
  let best = { plan: starts[0]!, score: Number.NEGATIVE_INFINITY };

  function* scoreOf(plan: CallPlan): Generator<ScoreRequest, number, number> {
    const text = callPlanText(plan);
    const known = scores.get(text);
    if (known !== undefined) return known;
    const score = yield { plan, scored: scores.size };
    scores.set(text, score);
    if (score > best.score) best = { plan, score };
    return score;
  }

  for (const plan of starts.slice(0, evaluations)) yield* scoreOf(plan);
  const start = best;
  const walk = new PlanChanges(options);
  const annealed = scores.size + Math.floor(ANNEALED * (evaluations - scores.size));
  yield* anneal(options, walk, { scores, scoreOf, start, until: annealed });
  yield* climb(options, walk, { scores, scoreOf, best: () => best });
  return { ...best, cost: callPlanCost(best.plan, costs), start, scored: scores.size };

  function affordableStarts({ starts: given, isAllowed = () => true }: CallSearchOptions): CallPlan[] {
    const points = given[0]?.length ?? 0;
    const kept = given
      .map((plan) => checkedCallPlan(plan, points))
      .filter((plan) => callPlanCost(plan, costs) <= budget && isAllowed(plan));
    if (kept.length > 0) return kept;
    throw new CacheQuantError('infeasible-schedule', 'no plan to begin with keeps to the budget', {
      where: 'starts',
      expected: `calls that cost at most ${budget}`,
      got: given.map((plan) => callPlanCost(plan, costs)).join(', ') || 'no plans',
      hint: 'Raise the budget, or begin with fewer calls',
    });
  }
}

const ANNEALED = 0.6;
/** Decibels, where scores are decibels: two plans that differ by so much are told apart by few images. */
const TEMPERATURES = [0.5, 0.05] as const;
/** Changes that lead to plans known or forbidden, one after another, before a walk ends. */
const MOST_TRIES = 200;

type ScoreOf = (plan: CallPlan) => Generator<ScoreRequest, number, number>;

function* anneal(
  { temperatures = TEMPERATURES }: CallSearchOptions,
  changes: PlanChanges,
  {
    scores,
    scoreOf,
    start,
    until,
  }: {
    scores: ReadonlyMap<string, number>;
    scoreOf: ScoreOf;
    start: { plan: CallPlan; score: number };
    until: number;
  },
): Generator<ScoreRequest, void, number> {
  const first = scores.size;
  let current = start;
  let tries = 0;
  while (scores.size < until && tries < MOST_TRIES) {
    const plan = changes.random(current.plan);
    tries = plan === undefined || scores.has(callPlanText(plan)) ? tries + 1 : 0;
    if (plan === undefined) continue;
    const score = yield* scoreOf(plan);
    const progress = (scores.size - first) / (until - first);
    const temperature = temperatures[0] * (temperatures[1] / temperatures[0]) ** progress;
    const isTaken =
      score >= current.score || changes.chance() < Math.exp((score - current.score) / temperature);
    if (isTaken) current = { plan, score };
  }
}

function* climb(
  { evaluations }: CallSearchOptions,
  changes: PlanChanges,
  {
    scores,
    scoreOf,
    best,
  }: {
    scores: ReadonlyMap<string, number>;
    scoreOf: ScoreOf;
    best: () => { plan: CallPlan; score: number };
  },
): Generator<ScoreRequest, void, number> {
  for (let from = best(), isBetter = true; isBetter; from = best()) {
    isBetter = false;
    for (const plan of changes.all(from.plan)) {
      if (scores.has(callPlanText(plan))) continue;
      if (scores.size >= evaluations) return;
      isBetter = (yield* scoreOf(plan)) > from.score;
      if (isBetter) break;
    }
  }
}

/** Plans beside a plan, within the budget. */
class PlanChanges {
  readonly #random: MersenneTwister;
  readonly #actions: readonly CallAction[];

  constructor(private readonly options: CallSearchOptions) {
    this.#random = new MersenneTwister(options.seed ?? 0);
    this.#actions = CALL_ACTIONS.filter(
      (action) => action !== 'conditional' || options.costs.conditional !== undefined,
    );
  }

  /** From 0 to below 1. */
  chance(): number {
    return this.#random.nextUint32() / 2 ** 32;
  }

  /** Exchanges two actions, or changes one and others until the budget is kept and used. */
  random(plan: CallPlan): CallPlan | undefined {
    const changed = [...plan];
    if (this.chance() < EXCHANGES) this.#exchange(changed);
    else this.#change(changed);
    return this.#isPossible(changed) ? changed : undefined;
  }

  /** Every exchange of near actions and every single change, in random order. */
  all(plan: CallPlan): CallPlan[] {
    const found: CallPlan[] = [];
    for (let point = 1; point < plan.length; point++) {
      for (const other of [point + 1, point + 2].filter((at) => at < plan.length)) {
        if (plan[other] !== plan[point]) found.push(exchanged(plan, point, other));
      }
      for (const action of this.#actions) {
        if (action !== plan[point]) found.push(plan.with(point, action));
      }
    }
    return this.#shuffled(found.filter((each) => this.#isPossible(each)));
  }

  #isPossible(plan: CallPlan): boolean {
    const { costs, budget, isAllowed = () => true } = this.options;
    return plan[0] === 'full' && callPlanCost(plan, costs) <= budget && isAllowed(plan);
  }

  #exchange(plan: CallAction[]): void {
    const point = this.#point(plan);
    const near = point + (this.chance() < 0.5 ? -1 : 1) * (1 + this.#below(NEAR));
    const other = this.chance() < FAR ? this.#point(plan) : Math.min(Math.max(near, 1), plan.length - 1);
    [plan[point], plan[other]] = [plan[other]!, plan[point]!];
  }

  #change(plan: CallAction[]): void {
    const { costs, budget } = this.options;
    const changed = this.#point(plan);
    plan[changed] = this.#actions[this.#below(this.#actions.length)]!;
    for (let tries = 0; callPlanCost(plan, costs) > budget && tries < MOST_TRIES; tries++) {
      const point = this.#point(plan);
      const rank = this.#actions.indexOf(plan[point]!);
      if (point !== changed && rank > 0) plan[point] = this.#actions[this.#below(rank)]!;
    }
    for (let tries = 0; tries < UPGRADES; tries++) {
      const point = this.#point(plan);
      const upgraded = plan.with(point, this.#actions[this.#below(this.#actions.length)]!);
      const cost = callPlanCost(upgraded, costs);
      if (cost <= budget && cost > callPlanCost(plan, costs)) plan[point] = upgraded[point]!;
    }
  }

  /** Any but the first, which stays full. */
  #point(plan: readonly CallAction[]): number {
    return Math.min(1 + this.#below(plan.length - 1), plan.length - 1);
  }

  #below(count: number): number {
    return Math.floor(this.chance() * count);
  }

  #shuffled<T>(values: readonly T[]): T[] {
    const shuffled = [...values];
    for (let at = shuffled.length - 1; at > 0; at--) {
      const other = this.#below(at + 1);
      [shuffled[at], shuffled[other]] = [shuffled[other]!, shuffled[at]!];
    }
    return shuffled;
  }
}

const EXCHANGES = 0.5;
const FAR = 0.3;
const NEAR = 3;
const UPGRADES = 4;

function exchanged(plan: CallPlan, a: number, b: number): CallPlan {
  return plan.with(a, plan[b]!).with(b, plan[a]!);
}
