import type { StepDefinition } from '../definition/saga-definition.js';
import { finish } from './forward.js';
import { judgeReply, type SagaRun } from './saga-run.js';
import type { StepRecord } from './saga-instance.js';
import type { IncomingReply } from './saga-ports.js';

/**
 * Undoes every step whose followers are undone, until none is left, and ends the saga when nothing
 * is under way any more.
 */
export async function undo(run: SagaRun): Promise<void> {
  const { instance, definition } = run;
  const backwards = [...definition.steps].reverse();
  for (let progressed = true; progressed && instance.status === 'compensating';) {
    progressed = false;
    for (const step of backwards) {
      if (await undoBlindly(run, step)) progressed = true;
      if (!mustUndo(step, run.record(step)) || isBlocked(run, step)) continue;
      progressed = true;
      await tryUndo(run, step);
    }
  }
  if (instance.status !== 'compensating') return;
  const busy = definition.steps.some((step) => isUnsettled(step, run.record(step)));
  if (busy) return;
  const left = definition.steps.some((step) => {
    const { status, held } = run.record(step);
    return status === 'failed' && held;
  });
  instance.status = left ? 'failed' : 'compensated';
  instance.endedAt = run.now;
  run.note(instance.status);
}

/**
 * A step in doubt is undone by command at once and nobody waits for it: its participant may be
 * down for days, and the rest must not hang on that. A success that comes late is dealt with then.
 */
async function undoBlindly(run: SagaRun, step: StepDefinition): Promise<boolean> {
  const record = run.record(step);
  const { compensation } = step;
  if (record.status !== 'in-doubt' || compensation?.send === undefined) return false;
  if (record.compensation !== undefined) return false;
  const leg = { attempts: 0, epoch: 0, blind: true };
  record.compensation = leg;
  const attempt = await run.attempt(step, compensation, 'compensation', leg);
  // It may lack what only the reply would have brought; then only a late success is undone.
  if (attempt.kind === 'failed') run.note('cannot be undone yet', step, undefined, attempt.message);
  else run.note('undoing, in case it was done', step);
  return true;
}

async function tryUndo(run: SagaRun, step: StepDefinition): Promise<void> {
  const { compensation } = step;
  if (compensation === undefined) return;
  const record = run.record(step);
  const leg = (record.compensation ??= { attempts: 0, epoch: 0, blind: false });
  if (leg.blind) {
    leg.blind = false;
    delete leg.endedAt;
    run.renew(leg);
    leg.countsFrom = leg.epoch;
  }
  record.status = 'compensating';
  const attempt = await run.attempt(step, compensation, 'compensation', leg);
  switch (attempt.kind) {
    case 'sent':
      run.awaitReply(leg, compensation.timeoutMs);
      run.note('undoing', step, leg, undefined);
      return;
    case 'done':
      undone(run, step);
      return;
    case 'failed':
      leg.reason = attempt.message;
      if (attempt.final) {
        // The user's code says that it cannot be undone: somebody has to look.
        record.status = 'failed';
        leg.endedAt = run.now;
        run.note('cannot be undone', step, leg);
        return;
      }
      run.awaitRetry(leg, compensation);
      run.note('undoing failed, will be retried', step, leg);
  }
}

/** A compensation's wait is over. An undo is harmless when repeated, so it goes out as a new one. */
export async function undoDue(run: SagaRun, step: StepDefinition): Promise<void> {
  const leg = run.record(step).compensation;
  if (leg === undefined) return;
  if (leg.wait?.for === 'reply') {
    leg.reason = 'no reply in time';
    run.renew(leg);
  }
  await tryUndo(run, step);
}

/** A reply to the command of a compensation. False when it changes nothing. */
export function takeUndoReply(
  run: SagaRun,
  step: StepDefinition,
  reply: IncomingReply,
  epoch: number,
): boolean {
  const record = run.record(step);
  const leg = record.compensation;
  if (leg === undefined || leg.endedAt !== undefined) return false;
  if (epoch < (leg.countsFrom ?? 0)) return false;
  const succeeded = reply.contract.outcome === 'success';
  if (leg.blind) {
    // Undone, or refused because there was nothing: either way nothing is left.
    leg.endedAt = run.now;
    if (record.status === 'in-doubt') record.status = 'compensated';
    run.note('undone, if it was done', step);
    return true;
  }
  if (succeeded) {
    undone(run, step);
    return true;
  }
  if (epoch !== leg.epoch) return false;
  leg.reason = reply.contract.name;
  run.renew(leg);
  if (step.compensation !== undefined) run.awaitRetry(leg, step.compensation);
  run.note('undoing refused, will be retried', step, leg);
  return true;
}

/** A reply to a step that nobody waits for any more. False when it changes nothing. */
export async function takeLateReply(
  run: SagaRun,
  step: StepDefinition,
  reply: IncomingReply,
): Promise<boolean> {
  const record = run.record(step);
  const leg = record.compensation;
  const undoneBlindly = record.status === 'compensated' && leg?.blind === true;
  if (record.status !== 'in-doubt' && !undoneBlindly) return false;
  if (reply.contract.outcome === 'refusal') {
    record.status = 'failed';
    record.reason = reply.contract.name;
    run.note('refused late', step);
    return true;
  }
  const verdict = await judgeReply(step, run.instance.state, reply.contract, reply.data);
  if (verdict.state !== undefined) run.setState(verdict.state);
  run.note('done late', step);
  // An undo that is out may have come before the doing, so it does not count.
  finish(run, step, true);
  if (run.instance.status === 'compensated' || run.instance.status === 'failed') {
    run.instance.status = 'compensating';
    delete run.instance.endedAt;
  }
  return true;
}

function undone(run: SagaRun, step: StepDefinition): void {
  const record = run.record(step);
  record.status = 'compensated';
  record.held = false;
  if (record.compensation !== undefined) {
    record.compensation.endedAt = run.now;
    delete record.compensation.wait;
    delete record.compensation.reason;
  }
  run.note('undone', step, record.compensation);
}

function mustUndo(step: StepDefinition, record: StepRecord): boolean {
  return record.status === 'done' && record.held && step.compensation !== undefined;
}

/** Something is to happen yet before the saga can end. */
function isUnsettled(step: StepDefinition, record: StepRecord): boolean {
  return record.status === 'running' || record.status === 'compensating' || mustUndo(step, record);
}

/** Whether a step that came after this one is not undone yet. */
function isBlocked(run: SagaRun, step: StepDefinition): boolean {
  return followers(run, step.name).some((other) => isUnsettled(other, run.record(other)));
}

function followers(run: SagaRun, name: string): StepDefinition[] {
  const direct = run.definition.steps.filter(({ after }) => after.includes(name));
  return direct.flatMap((step) => [step, ...followers(run, step.name)]);
}
