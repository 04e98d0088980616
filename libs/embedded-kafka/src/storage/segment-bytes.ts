/** The bytes of one log segment, in memory or in a file. */
export interface SegmentBytes {
  readonly size: number;
  /** Adds to the end. A failed append leaves `size` as it was. */
  append(bytes: Buffer): void;
  /** Up to `length` bytes from `position`; fewer at the end. */
  read(position: number, length: number): Buffer;
  truncate(size: number): void;
  /** What was derived from the bytes, kept beside them so that loading need not derive it again. */
  saveSummary(summary: unknown): void;
  loadSummary(): unknown;
  dropSummary(): void;
  /** Resolves when all bytes are on the device. */
  sync(): Promise<void>;
  close(): void;
  remove(): void;
}

/** Where the segments of one partition are. */
export interface SegmentStore {
  /** First offsets of the segments found, ascending. */
  list(): number[];
  open(baseOffset: number): SegmentBytes;
  /** Deletes all there is of the partition. */
  remove(): void;
}
