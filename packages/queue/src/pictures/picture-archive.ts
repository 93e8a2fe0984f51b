/** Where finished pictures are kept, by keys of hexadecimal digits: a folder that all machines share, or a bucket. */
export interface PictureArchive {
  /**
   * The file of a picture.
   * @returns undefined where there is none
   */
  get(key: string): Promise<Uint8Array | undefined>;
  has(key: string): Promise<boolean>;
  /** Keeps a file, whole or not at all; the same key again has the same picture. */
  put(key: string, file: Uint8Array): Promise<void>;
  /** Closes connections. */
  dispose(): void;
}

/** Pictures in folders by the first digits of their keys, so that none gets too large. */
export function archivePath(key: string): string {
  return `${key.slice(0, 2)}/${key}.png`;
}
