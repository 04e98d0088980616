import type { WorkerClient } from '../../port/worker-client.js';
import { Refusal } from '../../port/client.js';

/** Main classes of the tools, by the names of their scripts. */
const TOOLS = {
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
} as const;

interface Ran {
  readonly code: number;
  readonly output: string;
  /** The protocol's names of the errors whose exceptions the tool wrote. */
  readonly codes: readonly string[];
}

/** Runs tools on a broker. */
export class ConsoleTools {
  constructor(
    private readonly worker: WorkerClient,
    private readonly broker: string,
  ) {}

  /** @throws Refusal when the tool says that it failed */
  async run(tool: keyof typeof TOOLS, args: readonly string[], input = ''): Promise<string> {
    const { code, output, codes } = (await this.worker.request('run', {
      tool: TOOLS[tool],
      args: ['--bootstrap-server', this.broker, ...args],
      input,
    })) as Ran;
    if (codes.length > 0) throw new Refusal(codes.at(-1)!, output);
    if (code !== 0) throw new Refusal(`CLIENT:${output.trim().split('\n')[0]}`, output);
    return output;
  }
}
