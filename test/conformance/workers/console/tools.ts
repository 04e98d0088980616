import type { WorkerClient } from '../../port/worker-client.js';
import { Refusal } from '../../port/client.js';

/** Main classes of the tools, by the names of their scripts. */
const TOOLS = {
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'kafka-broker-api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  'kafka-transactions': 'org.apache.kafka.tools.TransactionsCommand',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
} as const;

const TOOL_MS = 20_000;
/** The code of a tool whose time was over. */
const LATE = 124;

interface Ran {
  readonly code: number;
  readonly output: string;
  /** The protocol's names of the errors whose exceptions the tool wrote. */
  readonly codes: readonly string[];
}

/** What tools find out by themselves, in their own words. */
const OWN_WORDS: readonly (readonly [words: RegExp, code: string])[] = [
  [/not present in metadata/, 'UNKNOWN_TOPIC_OR_PARTITION'],
  [/Invalid value .* for configuration/, 'INVALID_CONFIG'],
  [/transactionalId .* failed because the ID could not be found/, 'TRANSACTIONAL_ID_NOT_FOUND'],
  [/can only be reset if the group .* is inactive/, 'CLIENT:GROUP_IS_ACTIVE'],
  [/[Pp]artitions?.* (must|should) be (greater|larger)/, 'INVALID_PARTITIONS'],
];

/** Runs tools on a broker. */
export class ConsoleTools {
  constructor(
    private readonly worker: WorkerClient,
    private readonly broker: string,
    /** Properties for the tools that administer. */
    private readonly properties: string,
  ) {}

  /** @throws Refusal when the tool says that it failed */
  async run(
    tool: keyof typeof TOOLS,
    args: readonly string[],
    { input = '', withinMs = TOOL_MS } = {},
  ): Promise<string> {
    const { code, output, codes } = (await this.worker.request('run', {
      tool: TOOLS[tool],
      args: [
        '--bootstrap-server',
        this.broker,
        ...(tool.startsWith('kafka-console') ? [] : ['--command-config', this.properties]),
        ...args,
      ],
      input,
      withinMs,
    })) as Ran;
    if (code === LATE)
      throw new Refusal('CLIENT:LATE', `${tool} ran for ${withinMs} ms: ${output}`);
    // The producer ends with 0 all the same.
    const known = OWN_WORDS.find(([words]) => words.test(output));
    if (known !== undefined) throw new Refusal(known[1], output);
    if (codes.length > 0) throw new Refusal(codes.at(-1)!, output);
    if (code !== 0) throw new Refusal(`CLIENT:${output.trim().split('\n')[0]}`, output);
    return output;
  }
}
