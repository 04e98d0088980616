import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.js';

/** Real peers: Apache Kafka and clients that others wrote. What is absent is skipped, with why. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({
    test: {
      globalSetup: ['test/setup/real-kafka.global-setup.ts'],
      include: [
        // What `npm test` runs on the embedded broker, here on the real one.
        'libs/kafka/src/driver/driver-conformance.spec.ts',
        'libs/kafka/src/driver/record-conformance.spec.ts',
        'libs/kafka/src/driver/mixed-drivers.spec.ts',
        'libs/kafka/src/driver/broker-drivers.spec.ts',
        'libs/messaging/src/messaging-engine.spec.ts',
        'libs/messaging/src/messaging.module.spec.ts',
        'libs/messaging/src/consumer/dead-letter.spec.ts',
        'test/interop/**/*.interop-spec.ts',
      ],
      fileParallelism: false,
      testTimeout: 300_000,
      hookTimeout: 300_000,
    },
  }),
);
