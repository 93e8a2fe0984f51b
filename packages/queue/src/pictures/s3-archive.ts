import {
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { CacheQuantError } from '@cachequant/tensor';
import { archivePath, type PictureArchive } from './picture-archive.js';

/** A place in a store that speaks S3. */
export interface S3Place {
  readonly bucket: string;
  /** Before the names of all objects; '' for none. */
  readonly prefix: string;
  /** Beside what the environment says (`AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL_S3`, …). */
  readonly client?: S3ClientConfig;
}

/**
 * Keeps pictures in a bucket. Credentials, region and endpoint are the ones that the SDK finds in the environment.
 * @throws CacheQuantError `storage` from its methods, with the store's own word for what was wrong
 */
export function s3Archive({ bucket, prefix, client: config = {} }: S3Place): PictureArchive {
  const endpoint = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  const client = new S3Client({
    // A store of your own has buckets in its paths; Amazon's has them in its host names.
    forcePathStyle: endpoint !== undefined || config.endpoint !== undefined,
    region: process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? 'us-east-1',
    ...config,
  });
  const at = (key: string) => ({
    Bucket: bucket,
    Key: `${prefix === '' ? '' : `${prefix.replace(/\/+$/, '')}/`}${archivePath(key)}`,
  });
  return {
    async has(key) {
      const found = await client.send(new HeadObjectCommand(at(key))).catch(orMissing(bucket));
      return found !== undefined;
    },
    async get(key) {
      const found = await client.send(new GetObjectCommand(at(key))).catch(orMissing(bucket));
      return found?.Body?.transformToByteArray();
    },
    async put(key, file) {
      const object = { ...at(key), Body: file, ContentType: 'image/png' };
      await client.send(new PutObjectCommand(object)).catch(refuse(bucket));
    },
    dispose: () => client.destroy(),
  };
}

function orMissing(bucket: string): (error: Error) => undefined {
  return (error) => {
    if (error.name === 'NoSuchKey' || error.name === 'NotFound') return undefined;
    throw refusal(bucket, error);
  };
}

function refuse(bucket: string): (error: Error) => never {
  return (error) => {
    throw refusal(bucket, error);
  };
}

function refusal(bucket: string, cause: Error): CacheQuantError {
  return new CacheQuantError('storage', 'the store of pictures refuses', {
    where: `s3://${bucket}`,
    got: cause.name === 'Error' || cause.name === '' ? cause.message : cause.name,
    hint: 'Check the bucket, AWS_REGION, AWS_ENDPOINT_URL_S3 and the credentials',
    cause,
  });
}
