import { appendFile, mkdir, readFile, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import type { RgbImage } from '@cachequant/evaluate';

/** Pixels of the side of a picture. */
const SIZE = 32;
const BYTES = SIZE * SIZE * 3;

/** Pictures of a contestant on disk, one behind another, each written once; a torn one at the end is cut off. */
export class PictureFile {
  private constructor(
    private readonly file: string,
    private held: number,
  ) {}

  static async open(folder: string, fingerprint: string): Promise<PictureFile> {
    await mkdir(folder, { recursive: true });
    const file = path.join(folder, `${fingerprint}.rgb`);
    const size = (await stat(file).catch(() => undefined))?.size ?? 0;
    const count = Math.floor(size / BYTES);
    if (size !== count * BYTES) await truncate(file, count * BYTES);
    return new PictureFile(file, count);
  }

  get count(): number {
    return this.held;
  }

  async append(pictures: readonly RgbImage[]): Promise<void> {
    const odd = pictures.find(({ width, height }) => width !== SIZE || height !== SIZE);
    if (odd) throw new Error(`a picture of ${odd.width}×${odd.height}, not ${SIZE}×${SIZE}`);
    await appendFile(this.file, Buffer.concat(pictures.map(({ rgb }) => rgb)));
    this.held += pictures.length;
  }

  /** The first `count` pictures, or as many as there are. */
  async read(count: number): Promise<RgbImage[]> {
    if (this.held === 0) return [];
    const bytes = await readFile(this.file);
    return Array.from({ length: Math.min(count, this.held) }, (_, i) => ({
      width: SIZE,
      height: SIZE,
      rgb: new Uint8Array(bytes.subarray(i * BYTES, (i + 1) * BYTES)),
    }));
  }
}
