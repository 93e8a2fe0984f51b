/** Where a model came from, for its bundle's manifest and card. */
export interface ModelOrigin {
  /** The name of the folder or file, or the model's id. */
  readonly name: string;
  /** On the Hugging Face Hub. */
  readonly id?: string;
  /** The commit on the Hub. */
  readonly revision?: string;
  /** As its card or its file names it. */
  readonly license?: string;
  /** What was merged into it. */
  readonly adapters?: readonly { readonly name: string; readonly strength: number }[];
}
