import { appendFile, mkdir, readFile, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import type { RgbImage } from '@cachequant/evaluate';

const bytesOf = (size: number): number => size * size * 3;

/** Pictures of a contestant on disk, one behind another, each written once; a torn one at the end is cut off. */
export class PictureFile {
  private constructor(
    private readonly file: string,
    private held: number,
    private readonly size: number,
  ) {}

  /** @param size pixels of the side of a picture */
  static async open(folder: string, fingerprint: string, size: number): Promise<PictureFile> {
    await mkdir(folder, { recursive: true });
    const file = path.join(folder, `${fingerprint}.rgb`);
    const [bytes, each] = [(await stat(file).catch(() => undefined))?.size ?? 0, bytesOf(size)];
    const count = Math.floor(bytes / each);
    if (bytes !== count * each) await truncate(file, count * each);
    return new PictureFile(file, count, size);
  }

  get count(): number {
    return this.held;
  }

  async append(pictures: readonly RgbImage[]): Promise<void> {
    const odd = pictures.find(({ width, height }) => width !== this.size || height !== this.size);
    if (odd) throw new Error(`a picture of ${odd.width}×${odd.height}, not ${this.size}×${this.size}`);
    await appendFile(this.file, Buffer.concat(pictures.map(({ rgb }) => rgb)));
    this.held += pictures.length;
  }

  /** The first `count` pictures, or as many as there are. */
  async read(count: number): Promise<RgbImage[]> {
    if (this.held === 0) return [];
    const [bytes, each] = [await readFile(this.file), bytesOf(this.size)];
    return Array.from({ length: Math.min(count, this.held) }, (_, i) => ({
      width: this.size,
      height: this.size,
      rgb: new Uint8Array(bytes.subarray(i * each, (i + 1) * each)),
    }));
  }
}
