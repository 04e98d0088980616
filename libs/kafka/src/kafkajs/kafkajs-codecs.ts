import { zstdDecompressSync } from 'node:zlib';
import kafkajs from 'kafkajs';
import { lz4Decompress } from './lz4.js';
import { LARGEST_UNPACKED, snappyDecompress } from './snappy.js';

/**
 * Lets kafkajs read what others have packed in ways it knows nothing of; without, one such batch ends
 * the reading of its partition. Codecs that the application has registered stay.
 */
export function addCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  const unpack: Partial<Record<kafkajs.CompressionTypes, (bytes: Buffer) => Buffer>> = {
    [CompressionTypes.Snappy]: snappyDecompress,
    [CompressionTypes.LZ4]: lz4Decompress,
    [CompressionTypes.ZSTD]: (bytes) =>
      zstdDecompressSync(bytes, { maxOutputLength: LARGEST_UNPACKED }),
  };
  const codecs = CompressionCodecs as Record<number, () => unknown>;
  for (const [type, decompress] of Object.entries(unpack)) {
    if (!isMissing(codecs[Number(type)])) continue;
    codecs[Number(type)] = () => ({
      // Drivers do not pack what they send.
      compress: () => Promise.reject(new Error('compression is not supported')),
      decompress: async (bytes: Buffer) => decompress(bytes),
    });
  }
}

/** kafkajs puts functions that throw where a codec is missing. */
function isMissing(codec: (() => unknown) | undefined): boolean {
  try {
    codec?.();
    return codec === undefined;
  } catch {
    return true;
  }
}
