import type { StepDefinition } from '../definition/saga-definition.js';
import { decisionOf, kindOf, type Why } from './decision.js';
import { constantCase, judgeReply, type SagaRun } from './saga-run.js';
import type { IncomingReply } from './saga-ports.js';

/** A retryable fault, a deadlock say, is tried again though the step allows one try only. */
const TRIES_OF_FAULTS = 5;

/** Begins every step whose predecessors are done, until none is left to begin. */
export async function begin(run: SagaRun): Promise<void> {
  const { steps } = run.definition;
  for (let progressed = true; progressed && run.instance.status === 'running';) {
    progressed = false;
    for (const step of steps) {
      const isDone = (name: string): boolean => run.instance.steps[name]?.status === 'done';
      if (run.record(step).status !== 'waiting' || !step.after.every(isDone)) continue;
      progressed = true;
      await tryStep(run, step);
      if (run.instance.status !== 'running') break;
    }
  }
  const complete = steps.every((step) => run.record(step).status === 'done');
  if (run.instance.status === 'running' && complete) {
    run.instance.status = 'completed';
    run.instance.endedAt = run.now;
    run.note('completed');
  }
}

/** Does, or sends, a step once. */
export async function tryStep(run: SagaRun, step: StepDefinition): Promise<void> {
  const record = run.record(step);
  record.status = 'running';
  const attempt = await run.attempt(step, step, 'forward', record);
  switch (attempt.kind) {
    case 'sent':
      run.awaitReply(record, step.timeoutMs);
      run.note('sent', step, record, undefined);
      return;
    case 'done':
      finish(run, step, true);
      return;
    case 'failed': {
      record.reason = attempt.message;
      const tries = attempt.final ? 0 : step.attempts;
      // What is out already may be done, whatever keeps us from asking about it again.
      const mustAsk = step.retriable || (mustBeKnown(step) && record.sent === true);
      const mayRetry = mustAsk || record.attempts < tries;
      const isFault = attempt.code.startsWith('RKY_DB_') && record.attempts < TRIES_OF_FAULTS;
      if (mayRetry || (isFault && !attempt.final)) {
        run.awaitRetry(record, step);
        run.note('failed, will be retried', step, record);
      } else {
        giveUp(run, step, { code: attempt.code, message: attempt.message, step: step.name });
      }
    }
  }
}

/** What a reply to a step's command means while the step waits for it. */
export async function takeReply(
  run: SagaRun,
  step: StepDefinition,
  reply: IncomingReply,
): Promise<void> {
  const record = run.record(step);
  const verdict = await judgeReply(step, run.instance.state, reply.contract, reply.data);
  if (verdict.state !== undefined) run.setState(verdict.state);
  const succeeded = reply.contract.outcome === 'success';
  const goesForward = run.instance.status === 'running';
  switch (verdict.outcome) {
    case 'done':
    case 'harmless':
      finish(run, step, verdict.outcome === 'done');
      return;
    case 'retry':
      if (goesForward) again(run, step);
      else if (succeeded) finish(run, step, true);
      else giveUp(run, step, { code: 'FAILED', step: step.name });
      return;
    case 'failed':
      if (step.retriable && goesForward) {
        record.reason = `${verdict.why?.code}`;
        again(run, step);
      } else if (succeeded) {
        // It was done, yet it is not wanted: it is undone with the rest.
        finish(run, step, true);
        turnRound(run, verdict.why ?? { code: 'FAILED', step: step.name });
      } else {
        giveUp(run, step, verdict.why ?? { code: 'FAILED', step: step.name });
      }
  }
}

/** The answer was final for its command, so the next try is a new command. */
function again(run: SagaRun, step: StepDefinition): void {
  const record = run.record(step);
  run.renew(record);
  run.awaitRetry(record, step);
  run.note('refused, will be retried', step, record);
}

/** A step's wait is over: its next try is due, or its reply stayed away. */
export async function stepDue(run: SagaRun, step: StepDefinition): Promise<void> {
  const record = run.record(step);
  if (run.instance.status !== 'running') {
    leaveInDoubt(run, step);
    return;
  }
  if (record.wait?.for === 'retry') {
    await tryStep(run, step);
    return;
  }
  const result: unknown = await step.onTimeout?.(run.instance.state);
  const decision = decisionOf(result);
  const asked = decision === undefined ? undefined : kindOf(decision);
  const more = record.attempts < step.attempts;
  if (mustBeKnown(step) || asked === 'retry' || (asked === undefined && more)) {
    record.reason = 'no reply in time';
    await tryStep(run, step);
    return;
  }
  leaveInDoubt(run, step);
  const waitedMs = run.now - (record.startedAt ?? run.now);
  const why =
    asked === 'compensate'
      ? (decision as unknown as Why)
      : { code: `${constantCase(step.name)}_TIMEOUT`, message: `no reply within ${waitedMs} ms` };
  const message = why.message === undefined ? {} : { message: why.message };
  turnRound(run, { code: why.code, ...message, step: step.name });
}

/** Whether a step's outcome must be waited for, because nothing could undo it. */
export function mustBeKnown(step: StepDefinition): boolean {
  return step.retriable || (step.pivot && step.compensation === undefined);
}

/** The whole saga took too long; too late to turn round once the pivot may have been done. */
export function deadlineCounts(run: SagaRun): boolean {
  const { status, deadlineAt } = run.instance;
  if (status !== 'running' || deadlineAt === undefined) return false;
  return run.definition.steps.every((step) => {
    const { status: stepStatus } = run.record(step);
    return (
      !step.pivot || stepStatus === 'waiting' || (stepStatus === 'running' && !mustBeKnown(step))
    );
  });
}

/** Nobody waits for its reply any more; it may come all the same. */
export function leaveInDoubt(run: SagaRun, step: StepDefinition): void {
  const record = run.record(step);
  record.status = 'in-doubt';
  record.endedAt = run.now;
  record.reason = 'no reply in time';
  delete record.wait;
  run.note('no reply in time', step, record, undefined);
}

/** The step is done; `held` tells whether that has to be undone when the saga turns round. */
export function finish(run: SagaRun, step: StepDefinition, held: boolean): void {
  const record = run.record(step);
  record.status = 'done';
  record.held = held;
  record.endedAt = run.now;
  delete record.wait;
  delete record.reason;
  run.note('done', step, record);
}

/** The step has failed, and with it the saga. */
export function giveUp(run: SagaRun, step: StepDefinition, why: Why): void {
  const record = run.record(step);
  record.reason = why.message === undefined ? why.code : `${why.code}: ${why.message}`;
  fail(run, step);
  turnRound(run, why);
}

/** A try that could not be sent does not take back one that was. */
function fail(run: SagaRun, step: StepDefinition): void {
  const record = run.record(step);
  if (record.sent === true && record.wait?.for !== 'reply') {
    leaveInDoubt(run, step);
    return;
  }
  record.status = 'failed';
  record.endedAt = run.now;
  delete record.wait;
  run.note('failed', step, record);
}

/** From here on the saga undoes. What was not begun never will be. */
export function turnRound(run: SagaRun, why: Why): void {
  const { instance } = run;
  if (instance.status !== 'running') return;
  instance.status = 'compensating';
  instance.why = why;
  run.note('compensating', undefined, undefined, why.code);
  for (const step of run.definition.steps) {
    const record = run.record(step);
    if (record.status === 'waiting') record.status = 'skipped';
    if (record.status === 'running' && record.wait?.for === 'retry') fail(run, step);
  }
}
