/** How a model's prompts are read; what is left out is as the model's own pipeline does it. */
export interface PromptOptions {
  /**
   * Layers at the end of CLIP's text encoders that are left out, as diffusers counts them (1 takes what goes into the
   * last layer); 0 unless given. Other programs count from 1: their 2 is 1 here. As in those, and unlike in diffusers,
   * the negative prompt is read the same way.
   */
  readonly clipSkip?: number | undefined;
  /** Whether `(word:1.2)`, `(word)` and `[word]` weight what they enclose; otherwise they are text. */
  readonly weights?: boolean | undefined;
  /** Windows of the text encoder's length that a prompt may take; 1 unless given. Words beyond are left out. */
  readonly chunks?: number | undefined;
  /** Whether short prompts take as many windows, so that all have one length; left out: as many as they need. */
  readonly padChunks?: boolean | undefined;
}
