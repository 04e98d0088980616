import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedKafka } from './index.js';
import { fetchApi } from './protocol/apis/fetch.api.js';
import { produceApi } from './protocol/apis/produce.api.js';
import { createTopicsApi } from './protocol/apis/topic-admin.api.js';
import { ProtocolClient } from './testing/protocol-client.js';
import { recordBatch } from './testing/record-batch-builder.js';
import { TransactionClient } from './testing/transaction-client.js';
import { crc32c } from './wire/crc32c.js';

const single = recordBatch([{ key: 'key', value: 'x'.repeat(200) }]);
const hundred = recordBatch(Array.from({ length: 100 }, () => ({ value: 'x'.repeat(200) })));
const megabyte = Buffer.alloc(1_048_576, 7);

describe('checksum', () => {
  it('crc32c of 1 MiB', async ({ bench }) => {
    const { latency } = await bench('crc32c of 1 MiB', () => void crc32c(megabyte)).run();
    // A table-driven checksum takes 1 to 3 ms; one bit at a time, 30.
    expect(latency.p50).toBeLessThan(10);
  });
});

describe.each(['memory', 'files'])('one connection, records in %s', (kind) => {
  const directory = mkdtempSync(join(tmpdir(), 'embedded-kafka-bench-'));
  let broker: EmbeddedKafka;
  let client: ProtocolClient;

  beforeAll(async () => {
    broker = await EmbeddedKafka.start(kind === 'files' ? { dataDirectory: directory } : {});
    client = await ProtocolClient.connect(broker.port);
    await client.call(createTopicsApi, 4, {
      topics: ['produced', 'fetched'].map((name) => ({
        name,
        partitionCount: 1,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      })),
      timeoutMs: 1_000,
      validateOnly: false,
    });
    for (let n = 0; n < 500; n++) await produce('fetched', hundred);
  });

  afterAll(async () => {
    client.close();
    await broker.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const produce = async (name: string, records: Buffer): Promise<void> => {
    await client.call(produceApi, 7, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1_000,
      topics: [{ name, partitions: [{ index: 0, records }] }],
    });
  };

  const fetchMegabyte = async (): Promise<void> => {
    await client.call(fetchApi, 11, {
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1_048_576,
      isolationLevel: 0,
      topics: [
        { name: 'fetched', partitions: [{ index: 0, fetchOffset: 20_000, maxBytes: 1_048_576 }] },
      ],
    });
  };

  it('transactions', async ({ bench }) => {
    const tx = new TransactionClient(client, 'bench', 'produced');
    const producer = await tx.init();
    let sequence = 0;
    const { latency } = await bench(`transaction of 1 record and 1 offset, ${kind}`, async () => {
      await tx.add(producer);
      await tx.addGroup(producer, 'bench');
      await tx.produce(producer, sequence++);
      await tx.commitOffset(producer, 'bench', sequence);
      await tx.end(producer, true);
    }).run();
    // Five requests, of which four write to a journal too.
    expect(latency.p50).toBeLessThan(8);
    // All that were begun are committed: a failure among them would leave this one open.
    expect((await tx.fetch(0)).stable).toBe(await tx.list(0, -1));
  });

  it('produce and fetch', async ({ bench }) => {
    const results = await bench.compare(
      bench(`produce 1 record of 200 bytes, ${kind}`, () => produce('produced', single)),
      bench(`produce 100 records of 200 bytes, ${kind}`, () => produce('produced', hundred)),
      bench(`fetch 1 MiB (about 5,000 records), ${kind}`, fetchMegabyte),
    );
    // Milliseconds at the median, with room for a busy machine.
    expect(results.get(`produce 1 record of 200 bytes, ${kind}`).latency.p50).toBeLessThan(2);
    expect(results.get(`produce 100 records of 200 bytes, ${kind}`).latency.p50).toBeLessThan(4);
    expect(results.get(`fetch 1 MiB (about 5,000 records), ${kind}`).latency.p50).toBeLessThan(50);
  });
});
