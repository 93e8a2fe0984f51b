import { CacheQuantError } from '@cachequant/tensor';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { FeatureDistribution } from './feature-statistics.js';

/**
 * Squared Fréchet distance of two normal distributions: |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁^½ Σ₂ Σ₁^½)^½).
 *
 * It is as FID in its formula, but not in its features, and falls with the number of samples: compare only what
 * was made of equally many. The symmetric form keeps every eigenvalue real, also for covariances without full
 * rank; eigenvalues below 0, which are rounding, count as 0.
 * Source: Dowson and Landau, The Fréchet Distance between Multivariate Normal Distributions, 1982, eq. 16,
 * https://doi.org/10.1016/0047-259X(82)90077-X.
 * @throws CacheQuantError `shape` when the distributions differ in dimension
 */
export function frechetDistance(first: FeatureDistribution, second: FeatureDistribution): number {
  const dimension = first.mean.length;
  if (second.mean.length !== dimension) {
    throw new CacheQuantError('shape', 'the distributions differ in dimension', {
      where: 'frechetDistance',
      expected: String(dimension),
      got: String(second.mean.length),
    });
  }
  const apart = first.mean.reduce((sum, value, i) => sum + (value - second.mean[i]!) ** 2, 0);
  const a = Matrix.from1DArray(dimension, dimension, first.covariance);
  const b = Matrix.from1DArray(dimension, dimension, second.covariance);
  const root = squareRoot(a);
  const overlap = eigenvalues(root.mmul(b).mmul(root)).reduce((sum, value) => sum + Math.sqrt(value), 0);
  return Math.max(apart + a.trace() + b.trace() - 2 * overlap, 0);
}

function squareRoot(matrix: Matrix): Matrix {
  const { eigenvectorMatrix: vectors, realEigenvalues } = decompose(matrix);
  const roots = realEigenvalues.map((value) => Math.sqrt(Math.max(value, 0)));
  return vectors.mmul(Matrix.diag(roots)).mmul(vectors.transpose());
}

function eigenvalues(matrix: Matrix): number[] {
  return decompose(matrix).realEigenvalues.map((value) => Math.max(value, 0));
}

function decompose(matrix: Matrix): EigenvalueDecomposition {
  return new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
}
