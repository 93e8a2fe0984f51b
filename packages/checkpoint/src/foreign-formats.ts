import { type ByteSource, CacheQuantError, readExactly } from '@cachequant/tensor';

/** What a file of weights begins with, and what to do about those that are not read. */
const SIGNATURES: readonly { readonly starts: string; readonly is: string; readonly hint: string }[] = [
  // A pickle runs whatever code its writer put into it, so there is no reading of them at all.
  ...['PK\x03\x04', '\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'].map((starts) => ({
    starts,
    is: 'a PyTorch pickle (.bin, .ckpt, .pt), which can run any code when it is opened',
    hint: "Use the .safetensors file of the same model. If there is none, convert it where you trust it: python -c \"import sys, torch, safetensors.torch as s; w = torch.load(sys.argv[1], weights_only=True); s.save_file({k: v.contiguous().clone() for k, v in w.get('state_dict', w).items() if hasattr(v, 'dtype')}, sys.argv[2])\" IN.ckpt OUT.safetensors",
  })),
  {
    starts: 'version https://git-lfs',
    is: 'a pointer of Git LFS, not the file itself',
    hint: 'Fetch the file with git lfs pull, or download it by its link',
  },
  { starts: '<', is: 'a web page', hint: 'Download the file itself; the page may ask you to log in first' },
];

/**
 * Refuses files that are not weights as this package reads them, by their first bytes.
 * @throws CacheQuantError `unsupported`, with the way out
 */
export async function refuseForeignFormat(source: ByteSource): Promise<void> {
  const bytes = await readExactly(source, 0, Math.min(source.size, 32));
  const start = String.fromCharCode(...bytes);
  const found = SIGNATURES.find((signature) => start.startsWith(signature.starts));
  if (found === undefined) return;
  throw new CacheQuantError('unsupported', 'this file is not safetensors', {
    where: source.name,
    got: found.is,
    hint: found.hint,
  });
}
