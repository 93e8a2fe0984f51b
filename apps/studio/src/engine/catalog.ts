import type { KnownFile } from '@cachequant/runtime-web';

/** A model that the site itself has. */
export interface CatalogEntry {
  readonly name: string;
  readonly title: string;
  /** Relative to the page. */
  readonly url: string;
  readonly files: Readonly<Record<string, Required<KnownFile>>>;
}

export interface Catalog {
  readonly original: CatalogEntry & { readonly denoiserBytes: number; readonly fingerprint: string };
  /** The first one is opened. */
  readonly bundles: readonly CatalogEntry[];
}

/** What the build put beside the page. */
export async function readCatalog(): Promise<Catalog> {
  const response = await fetch('./models/catalog.json');
  if (!response.ok) throw new Error(`models/catalog.json: ${response.status} ${response.statusText}`);
  return (await response.json()) as Catalog;
}
