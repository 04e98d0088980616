import type { StepDefinition } from '../definition/saga-definition.js';
import { takeLateReply, takeUndoReply } from './backward.js';
import { commandId, type Direction } from './command-id.js';
import { takeReply } from './forward.js';
import type { IncomingReply } from './saga-ports.js';
import type { SagaRun } from './saga-run.js';

/** A command of an instance. */
export interface Target {
  readonly step: StepDefinition;
  readonly direction: Direction;
  readonly epoch: number;
}

/** Which command of the instance has that id. Ids are computed, so none needs to be stored. */
export function findCommand(run: SagaRun, id: string): Target | undefined {
  for (const step of run.definition.steps) {
    const record = run.record(step);
    for (const [direction, leg] of [
      ['forward', record],
      ['compensation', record.compensation],
    ] as const) {
      for (let epoch = leg?.epoch ?? -1; epoch >= 0; epoch--) {
        if (commandId(run.instance.id, step.name, direction, epoch) === id) {
          return { step, direction, epoch };
        }
      }
    }
  }
  return undefined;
}

/** Takes a reply to that command. False when it changes nothing. */
export async function takeAnswer(
  run: SagaRun,
  target: Target,
  reply: IncomingReply,
): Promise<boolean> {
  const { step, direction, epoch } = target;
  if (direction === 'compensation') return takeUndoReply(run, step, reply, epoch);
  const record = run.record(step);
  if (record.status === 'running') {
    // An answer to an earlier epoch was taken before that epoch ended.
    if (epoch !== record.epoch) return false;
    await takeReply(run, step, reply);
    return true;
  }
  return takeLateReply(run, step, reply);
}
