import { CacheQuantError } from '@cachequant/tensor';
import { KEYS_WITHOUT_MEANING } from './keys-without-meaning.js';

type Json = unknown;

/**
 * Reads a `config.json` key by key. What was not asked for by the time of `finish` is something the architecture
 * does not know, which is an error that names it.
 */
export class Configuration {
  readonly name: string;
  readonly #values: Readonly<Record<string, Json>>;
  readonly #read = new Set<string>();

  constructor(name: string, values: Readonly<Record<string, Json>>) {
    this.name = name;
    this.#values = values;
  }

  /** Whether a key has a value other than null. */
  has(key: string): boolean {
    return this.#get(key) !== undefined;
  }

  /** Whether a key is there with the value null, which some keys have for "none" where nothing means a default. */
  isNull(key: string): boolean {
    this.#read.add(key);
    return this.#values[key] === null;
  }

  integer(key: string, otherwise?: number): number {
    return this.#checked(key, otherwise, isCount, 'a whole number from 0');
  }

  /** The same where null is not "as usual" but "none", which the architecture does not know. */
  requiredInteger(key: string, otherwise: number): number {
    if (this.isNull(key)) throw this.#unknown(key, 'a whole number');
    return this.integer(key, otherwise);
  }

  number(key: string, otherwise?: number): number {
    return this.#checked(key, otherwise, isNumber, 'a number');
  }

  flag(key: string, otherwise: boolean): boolean {
    return this.#checked(key, otherwise, (value) => typeof value === 'boolean', 'true or false');
  }

  /** A whole number, or undefined where the configuration gives null or nothing. */
  optionalInteger(key: string): number | undefined {
    return this.has(key) ? this.integer(key) : undefined;
  }

  integers(key: string, otherwise?: readonly number[]): readonly number[] {
    return this.#checked(key, otherwise, isCounts, 'a list of whole numbers');
  }

  /** One of the values that the architecture knows. */
  choice<const Choice extends string>(key: string, known: readonly Choice[], otherwise?: Choice): Choice {
    const value = this.#get(key) ?? otherwise;
    if (known.some((choice) => choice === value)) return value as Choice;
    throw this.#unknown(key, known.join(', '));
  }

  /** The same, or undefined where the configuration gives null or nothing. */
  optionalChoice<const Choice extends string>(key: string, known: readonly Choice[]): Choice | undefined {
    return this.has(key) ? this.choice(key, known) : undefined;
  }

  choices<const Choice extends string>(
    key: string,
    known: readonly Choice[],
    otherwise?: readonly Choice[],
  ): readonly Choice[] {
    const value = this.#get(key) ?? otherwise;
    if (Array.isArray(value) && value.every((entry) => known.includes(entry))) return value;
    throw this.#unknown(key, `a list of ${known.join(', ')}`);
  }

  /** A number for each of some blocks: a list of that many, or one for all. */
  perBlock(key: string, blocks: number, otherwise?: number | readonly number[]): readonly number[] {
    const value = this.#get(key) ?? otherwise;
    if (isCount(value)) return Array.from({ length: blocks }, () => value);
    if (isCounts(value) && value.length === blocks) return value;
    throw this.#unknown(key, `a whole number, or a list of ${blocks}`);
  }

  /** A truth value for each of some blocks. */
  flagPerBlock(key: string, blocks: number, otherwise: boolean): readonly boolean[] {
    const value = this.#get(key) ?? otherwise;
    if (typeof value === 'boolean') return Array.from({ length: blocks }, () => value);
    const fits = Array.isArray(value) && value.length === blocks;
    if (fits && value.every((entry) => typeof entry === 'boolean')) return value;
    throw this.#unknown(key, `true or false, or a list of ${blocks}`);
  }

  /** The value as it is, for what has a form of its own; the caller checks it. */
  raw(key: string): Json {
    return this.#get(key);
  }

  /**
   * Says that the architecture knows this key with these values alone.
   * @throws CacheQuantError `unsupported` for another value; null and nothing are always fine
   */
  only(key: string, ...known: readonly (string | number | boolean)[]): void {
    const value = this.#get(key);
    if (value !== undefined && !known.includes(value as never)) throw this.#unknown(key, known.join(' or '));
  }

  /** Says that these keys do not change the graph. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#read.add(key);
  }

  /** @throws CacheQuantError `unsupported` for the first key that nobody asked for */
  finish(): void {
    for (const [key, value] of Object.entries(this.#values)) {
      if (this.#read.has(key) || KEYS_WITHOUT_MEANING.has(key) || key.startsWith('_') || value === null)
        continue;
      throw this.#unknown(key, 'no such key');
    }
  }

  /** An error about one key. */
  refuse(key: string, expected: string): CacheQuantError {
    return this.#unknown(key, expected);
  }

  #get(key: string): Json | undefined {
    this.#read.add(key);
    return this.#values[key] ?? undefined;
  }

  #checked<T>(key: string, otherwise: T | undefined, fits: (value: Json) => boolean, expected: string): T {
    const value = this.#get(key) ?? otherwise;
    if (!fits(value)) throw this.#unknown(key, expected);
    return value as T;
  }

  #unknown(key: string, expected: string): CacheQuantError {
    return new CacheQuantError('unsupported', 'the configuration asks for something that is not supported', {
      where: `${this.name}, '${key}'`,
      expected,
      got: JSON.stringify(this.#values[key]) ?? 'nothing',
    });
  }
}

function isNumber(value: Json): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isCount(value: Json): value is number {
  return isNumber(value) && Number.isInteger(value) && value >= 0;
}

function isCounts(value: Json): value is readonly number[] {
  return Array.isArray(value) && value.every(isCount);
}
