import { Injectable, Module } from '@nestjs/common';
import { defineEvent, MessagePublisher, OnEvent, type DataOf } from '@rookery/messaging';
import { RookeryModule } from '@rookery/platform';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { useApp } from '../app/use-app.js';
import { useDatabase } from '../database/use-database.js';
import { useKafka } from '../kafka/use-kafka.js';
import { useMessages } from './use-messages.js';

const Asked = defineEvent('spec.asked', {
  topic: 'spec.questions',
  owner: 'spec',
  key: ({ id }) => id,
  versions: { 1: z.object({ id: z.string(), answers: z.int() }) },
});
const Answered = defineEvent('spec.answered', {
  topic: 'spec.answers',
  owner: 'spec',
  key: ({ id }) => id,
  versions: { 1: z.object({ id: z.string(), answer: z.int() }) },
});
const contracts = [Asked, Answered];

@Injectable()
class Answers {
  constructor(private readonly messages: MessagePublisher) {}

  @OnEvent(Asked, { retry: { attempts: 1 } })
  async asked({ id, answers }: DataOf<typeof Asked>): Promise<void> {
    if (answers < 0) throw new Error('fewer than none');
    for (let answer = 1; answer <= answers; answer += 1) {
      await this.messages.publish(Answered, { id, answer });
    }
  }
}

@Module({
  imports: [RookeryModule.forRoot({ name: 'spec', persistence: {}, messaging: true })],
  providers: [Answers],
})
class SpecModule {}

const database = useDatabase();

for (const broker of ['in memory', 'that speaks Kafka']) {
  describe(`messages over a broker ${broker}`, () => {
    const kafka = broker === 'in memory' ? {} : { kafka: useKafka() };
    const app = useApp(SpecModule, { database, ...kafka });
    const messages = useMessages({ contracts, apps: [app], ...kafka });
    const id = broker;

    it('K29: awaits what an app publishes', async () => {
      await messages.publish(Asked, { id, answers: 2 });
      const second = await messages.published(Answered, ({ answer }) => answer === 2);
      expect(second.data).toEqual({ id, answer: 2 });
      expect(second.context).toMatchObject({ key: id, source: '/spec', topic: 'spec.answers' });
      const [asked] = messages.all(Asked);
      expect(second.context.causationId).toBe(asked?.context.id);
    });

    it('waits until all is handled, and knows then what was not published', async () => {
      await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          messages.publish(Asked, { id: `${id}-${index}`, answers: 3 }),
        ),
      );
      await messages.idle();
      expect(messages.all(Answered)).toHaveLength(150);
      messages.forget();
      await messages.publish(Asked, { id, answers: 0 });
      await messages.nothingPublished(Answered);
      expect(messages.all(Asked)).toHaveLength(1);
      await messages.publish(Asked, { id, answers: 1 });
      await expect(messages.nothingPublished(Answered)).rejects.toThrow(
        `spec.answered was published 1 times: [{"id":"${id}","answer":1}]`,
      );
    });

    it('sees dead letters', async () => {
      await messages.publish(Asked, { id, answers: -1 });
      const letter = await messages.deadLettered();
      expect(letter).toMatchObject({
        topic: 'spec.questions',
        reason: 'retries-exhausted',
        consumer: 'Answers.asked',
      });
      expect(letter.error).toContain('fewer than none');
    });
  });
}

describe('a wait in vain', () => {
  const app = useApp(SpecModule, { database });
  const messages = useMessages({ contracts, apps: [app], timeoutMs: 300 });

  it('says what was seen instead', async () => {
    await messages.publish(Asked, { id: 'vain', answers: 1 });
    await messages.idle();
    await expect(messages.published(Answered, ({ answer }) => answer === 2)).rejects.toThrow(
      'no spec.answered that fits was published; seen: 1 x spec.asked, 1 x spec.answered',
    );
  });
});
