import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Compatibility, MessageContract, Versions } from '../contract.js';
import { defineCommand, defineEvent, defineReply } from '../define-contract.js';
import { checkSamples } from '../samples/check-samples.js';
import { checkContracts, type ContractFinding } from './check-contracts.js';
import type { KnownConsumers } from './consumer-lock.js';
import { describeContract, NotDescribedError, type LockedContracts } from './contract-lock.js';
import { keyDescription } from './key-description.js';
import { lockContracts } from './lock-contracts.js';
import { LockFileError, LockFolder } from './lock-folder.js';

const V1 = z.object({ id: z.string(), total: z.number().optional(), note: z.string().optional() });

function event(
  versions: Versions,
  options: {
    compatibility?: Compatibility;
    upcast?: Record<number, (data: never) => unknown>;
    topic?: string;
    key?: (data: never) => string;
    examples?: Record<number, unknown>;
  } = {},
): MessageContract {
  return defineEvent('shop.placed', {
    topic: 'shop.events',
    owner: 'shop',
    key: (data: { id: string }) => data.id,
    versions,
    upcast: Object.fromEntries(Object.keys(versions).map((v) => [v, (data: object) => data])),
    ...options,
  } as never);
}

const released = (...contracts: MessageContract[]): LockedContracts =>
  Object.fromEntries(contracts.map((each) => [each.name, describeContract(each)]));
const READER: KnownConsumers = { 'shop.placed': [{ service: 'mail', consumer: 'Mails.placed' }] };

function check(
  contract: MessageContract | undefined,
  locked: LockedContracts,
  consumers: KnownConsumers = READER,
): ContractFinding[] {
  return checkContracts({ contracts: contract === undefined ? [] : [contract], locked, consumers });
}
const errors = (findings: readonly ContractFinding[]): ContractFinding[] =>
  findings.filter(({ severity }) => severity === 'error');

describe('contracts and what was released of them', () => {
  it('may stay as they are', () => {
    expect(check(event({ 1: V1 }), released(event({ 1: V1 })))).toEqual([]);
  });

  it('may explain themselves otherwise, and list their fields in another order', () => {
    const other = z.object({
      note: z.string().optional().describe('for the parcel'),
      total: z.number().optional(),
      id: z.string(),
    });
    expect(check(event({ 1: other }), released(event({ 1: V1 })))).toEqual([]);
  });

  it('may not change a version that was released', () => {
    const changed = event({ 1: V1.extend({ more: z.string().optional() }) });
    const [finding] = errors(check(changed, released(event({ 1: V1 }))));
    expect(finding).toMatchObject({ contract: 'shop.placed', rule: 'version-changed' });
    expect(finding?.message).toContain('version 1 was changed: add version 2');
  });

  it('may change a version that was not', () => {
    const changed = event({ 1: V1.extend({ more: z.string().optional() }) });
    const found = checkContracts({
      contracts: [changed],
      locked: released(event({ 1: V1 })),
      consumers: READER,
      unreleased: new Set(['shop.placed@1']),
    });
    expect(found).toMatchObject([{ rule: 'version-changed', severity: 'outdated' }]);
  });

  it('may not go while they are taken, and those who take them are named', () => {
    const locked = released(event({ 1: V1 }));
    expect(check(undefined, locked)).toMatchObject([
      { rule: 'contract-removed', severity: 'error', consumers: ['mail/Mails.placed'] },
    ]);
    expect(check(undefined, locked, {})).toMatchObject([{ severity: 'outdated' }]);
  });

  it('may not lose a version while they are taken', () => {
    const locked = released(event({ 1: V1, 2: V1 }));
    const found = check(event({ 2: V1 }), locked);
    expect(found).toMatchObject([
      { rule: 'version-removed', severity: 'error', consumers: ['mail/Mails.placed'] },
    ]);
    expect(errors(check(event({ 2: V1 }), locked, {}))).toEqual([]);
  });

  it.each([
    ['topic', event({ 1: V1 }, { topic: 'shop.others' }), 'topic-changed'],
    ['key', event({ 1: V1 }, { key: (data: { note: string }) => data.note }), 'key-changed'],
  ])('may not change their %s while they are taken', (_what, changed, rule) => {
    expect(check(changed, released(event({ 1: V1 })))).toMatchObject([
      { rule, severity: 'error', consumers: ['mail/Mails.placed'] },
    ]);
    expect(check(changed, released(event({ 1: V1 })), {})).toMatchObject([
      { severity: 'outdated' },
    ]);
  });

  it('tell of replies that come and go', () => {
    const answers = ['a', 'b'].map((name) =>
      defineReply(`shop.${name}`, { owner: 'shop', outcome: 'success', versions: { 1: V1 } }),
    );
    const command = (replies: typeof answers): MessageContract =>
      defineCommand('shop.do', { owner: 'shop', key: (d) => d.id, versions: { 1: V1 }, replies });
    expect(check(command(answers), released(command(answers.slice(0, 1))))).toMatchObject([
      { rule: 'reply-added', severity: 'outdated' },
    ]);
    expect(check(command(answers.slice(0, 1)), released(command(answers)))).toMatchObject([
      { rule: 'reply-removed', severity: 'outdated' },
    ]);
  });

  it('are told when two have one name', () => {
    const found = checkContracts({
      contracts: [event({ 1: V1 }), event({ 1: V1 })],
      locked: released(event({ 1: V1 })),
      consumers: {},
    });
    expect(found).toMatchObject([{ rule: 'name-taken', severity: 'error' }]);
  });
});

describe('a new version', () => {
  const locked = released(event({ 1: V1 }));

  it('may add an optional field', () => {
    const next = event({ 1: V1, 2: V1.extend({ more: z.string().optional() }) });
    expect(check(next, locked)).toMatchObject([{ rule: 'not-locked', severity: 'outdated' }]);
  });

  it('may add a required field that the upcast fills in', () => {
    const next = event(
      { 1: V1, 2: V1.extend({ currency: z.string() }) },
      { upcast: { 1: (v1: object) => ({ ...v1, currency: 'EUR' }) } },
    );
    const found = check(next, locked);
    expect(errors(found)).toEqual([]);
    expect(found).toContainEqual(
      expect.objectContaining({ rule: 'required-added', path: '$.currency', severity: 'note' }),
    );
  });

  it('may not add a required field that the upcast forgets, and a case is shown', () => {
    const next = event({ 1: V1, 2: V1.extend({ currency: z.string() }) });
    const [finding] = errors(check(next, locked));
    expect(finding).toMatchObject({ rule: 'old-version-unreadable' });
    expect(finding?.message).toMatch(/data of version 1, such as \{.*currency/);
  });

  it('may not be raised by an upcast that fails for some of the old data only', () => {
    const next = event(
      { 1: V1, 2: V1.extend({ cents: z.number() }) },
      { upcast: { 1: (v1: { total?: number }) => ({ ...v1, cents: (v1.total as number) * 100 }) } },
    );
    expect(errors(check(next, locked))).toMatchObject([{ rule: 'old-version-unreadable' }]);
  });

  it('may not drop what old readers require, unless the mode says that they come first', () => {
    const versions = { 1: V1, 2: z.object({ total: z.number().optional() }) };
    const key = (): string => 'k';
    const upcast = { 1: ({ total }: { total?: number }) => ({ total }) };
    const [finding] = errors(
      check(event(versions, { key, upcast }), released(event({ 1: V1 }, { key }))),
    );
    expect(finding).toEqual({
      contract: 'shop.placed',
      rule: 'field-removed',
      severity: 'error',
      path: '$.id',
      direction: 'forward',
      versions: [2, 1],
      message: 'id of v2 is not written, and the reader needs it: readers of v1 fail',
      consumers: ['mail/Mails.placed'],
    });
    const backward = event(versions, { key, upcast, compatibility: 'BACKWARD' });
    expect(
      errors(check(backward, released(event({ 1: V1 }, { key, compatibility: 'BACKWARD' })))),
    ).toEqual([]);
    const anything = event(versions, { key, upcast, compatibility: 'NONE' });
    expect(errors(check(anything, locked, {}))).toEqual([]);
  });

  it('may drop an optional field that nobody reads, and not one that somebody does', () => {
    const next = event({ 1: V1, 2: V1.omit({ note: true }) });
    const reads = (...uses: string[]): KnownConsumers => ({
      'shop.placed': [{ service: 'mail', consumer: 'Mails.placed', uses }],
    });
    expect(errors(check(next, locked, reads('id', 'total')))).toEqual([]);
    const named = errors(check(next, locked, reads('id', 'note')));
    expect(named.map(({ rule }) => rule).sort()).toEqual([
      'optional-field-removed',
      'used-field-removed',
    ]);
    for (const each of named) expect(each.consumers).toEqual(['mail/Mails.placed']);
    // Who does not say what it reads reads all.
    expect(errors(check(next, locked, READER))).toMatchObject([
      { rule: 'optional-field-removed', path: '$.note', consumers: ['mail/Mails.placed'] },
    ]);
  });

  it('is looked at once: what was released is not refused for ever', () => {
    const next = event({ 1: V1, 2: V1.omit({ note: true }) });
    expect(errors(check(next, released(next), READER))).toEqual([]);
  });

  it('is compared with all before, if the mode is transitive', () => {
    const versions = {
      1: z.object({ id: z.string(), n: z.int().max(5) }),
      2: z.object({ id: z.string(), n: z.int().max(5).optional() }),
      3: z.object({ id: z.string(), n: z.int().max(5).optional(), o: z.string().optional() }),
    };
    const neighbours = check(event(versions, { compatibility: 'FORWARD' }), {}, {});
    const all = check(event(versions, { compatibility: 'FORWARD_TRANSITIVE' }), {}, {});
    expect(errors(neighbours).map(({ versions: pair }) => pair)).toEqual([[2, 1]]);
    expect(errors(all).map(({ versions: pair }) => pair)).toEqual([
      [2, 1],
      [3, 1],
    ]);
  });
});

describe('handlers', () => {
  it('may not use a field that never was', () => {
    const uses = ['id', 'totl'];
    const consumers = { 'shop.placed': [{ service: 'mail', consumer: 'Mails.placed', uses }] };
    expect(check(event({ 1: V1 }), released(event({ 1: V1 })), consumers)).toMatchObject([
      { rule: 'unknown-field-used', severity: 'error', message: 'has no field totl' },
    ]);
  });
});

describe('a schema', () => {
  it('whose reader refuses what it does not know is found out', () => {
    const strict = event({ 1: z.strictObject({ id: z.string() }) });
    const [finding] = errors(check(strict, released(strict)));
    expect(finding?.message).toContain('cannot be read with a field that is not known');
  });

  it('that changes what it has changed already is found out', () => {
    const shouting = z.string().overwrite((text) => `${text}!`);
    const loud = event({ 1: z.object({ id: z.string(), word: shouting }) });
    const [finding] = errors(check(loud, released(loud)));
    expect(finding?.message).toContain('reads differently when it is written again');
  });

  it('is locked as written and, where that differs, as read', () => {
    const plain = describeContract(event({ 1: V1 }));
    expect(plain.versions[1]?.reads).toBeUndefined();
    const filled = event({ 1: z.object({ id: z.string(), unit: z.string().default('kg') }) });
    const { schema, reads } = describeContract(filled).versions[1] ?? {};
    expect(schema).toMatchObject({ required: ['id', 'unit'] });
    expect(reads).toMatchObject({ required: ['id'] });
  });

  it('without JSON Schema is refused', () => {
    const bare = {
      '~standard': { version: 1, vendor: 'x', validate: (value: unknown) => ({ value }) },
    } as const;
    expect(() => describeContract(event({ 1: bare }))).toThrow(NotDescribedError);
  });
});

describe('the key', () => {
  it('is described by the fields it is made of', () => {
    const make = (): unknown => ({ shop: { id: '1' }, n: 2, list: ['a'] });
    expect(keyDescription((d: { shop: { id: string } }) => d.shop.id, make)).toBe('shop.id');
    expect(
      keyDescription((d: { shop: { id: string }; n: number }) => `${d.n}${d.shop.id}`, make),
    ).toBe('n, shop.id');
    expect(keyDescription(() => 'k', make)).toBe('computed');
    expect(keyDescription((d: { x: { y: string } }) => d.x.y, make)).toBe('computed');
  });
});

describe('lock files', () => {
  let path: string;
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'rookery-contracts-'));
  });
  afterEach(() => rmSync(path, { recursive: true, force: true }));
  const bytes = (): Record<string, string> =>
    Object.fromEntries(
      readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), 'utf8')]),
    );

  it('hold what was released, in the same bytes every time', () => {
    const folder = new LockFolder(path);
    const first = lockContracts(folder, [event({ 1: V1 })], READER);
    expect(first).toMatchObject({ written: true, samples: ['shop.placed@1'] });
    const before = bytes();
    expect(Object.keys(before).sort()).toEqual([
      'consumers.lock.json',
      'shop.lock.json',
      'shop.placed.v1.json',
    ]);
    expect(folder.contracts()).toEqual(released(event({ 1: V1 })));
    expect(folder.consumers()).toEqual(READER);
    expect(lockContracts(folder, [event({ 1: V1 })], READER)).toMatchObject({ samples: [] });
    expect(bytes()).toEqual(before);
  });

  it('stay as they are when somebody would break', () => {
    const folder = new LockFolder(path);
    lockContracts(folder, [event({ 1: V1 })], READER);
    const before = bytes();
    const outcome = lockContracts(folder, [], READER);
    expect(outcome).toMatchObject({ written: false, findings: [{ rule: 'contract-removed' }, {}] });
    expect(bytes()).toEqual(before);
  });

  it('go with their owner, and samples stay to be read', () => {
    const folder = new LockFolder(path);
    lockContracts(folder, [event({ 1: V1 })], {});
    expect(lockContracts(folder, [], {})).toMatchObject({ written: true });
    expect(Object.keys(bytes()).sort()).toEqual(['consumers.lock.json', 'shop.placed.v1.json']);
  });

  it('keep the sample of a version for ever, unless it was never released', () => {
    const folder = new LockFolder(path);
    const sample = { 1: { id: 'first' } };
    lockContracts(folder, [event({ 1: V1 }, { examples: sample })], {});
    lockContracts(folder, [event({ 1: V1 }, { examples: { 1: { id: 'second' } } })], {});
    expect(folder.samples()).toMatchObject([
      { contract: 'shop.placed', version: 1, data: { id: 'first' } },
    ]);
    const again = event({ 1: V1 }, { examples: { 1: { id: 'third' } } });
    lockContracts(folder, [again], {}, new Set(['shop.placed@1']));
    expect(folder.samples()).toMatchObject([{ data: { id: 'third' } }]);
  });

  it('ask for an example where no sample can be made', () => {
    const odd = z.object({ id: z.string().regex(/^(?=a)\w(?<=a)b$/) });
    const outcome = lockContracts(new LockFolder(path), [event({ 1: odd })], {});
    expect(outcome.findings.filter(({ severity }) => severity === 'error')).toMatchObject([
      { rule: 'golden-sample', message: expect.stringContaining('give the contract examples') },
    ]);
  });

  it('that are broken, or of another rookery, are refused with their name', () => {
    writeFileSync(join(path, 'shop.lock.json'), '{"lockfileVersion": 99}');
    expect(() => new LockFolder(path).contracts()).toThrow(LockFileError);
    writeFileSync(join(path, 'shop.lock.json'), '{');
    expect(() => new LockFolder(path).contracts()).toThrow(/shop\.lock\.json is not JSON/);
  });
});

describe('golden samples', () => {
  it('are read by the upcasts of today', () => {
    const contract = event(
      { 1: V1, 2: V1.extend({ currency: z.string() }) },
      { upcast: { 1: (v1: object) => ({ ...v1, currency: 'EUR' }) } },
    );
    const sample = (version: number, data: unknown) => ({
      contract: 'shop.placed',
      version,
      file: `shop.placed.v${version}.json`,
      data,
    });
    const good = [sample(1, { id: '1' }), sample(2, { id: '1', currency: 'CHF' })];
    expect(checkSamples([contract], good)).toEqual([]);
    expect(checkSamples([contract], [...good, sample(1, { id: 7 })])).toMatchObject([
      { rule: 'golden-sample', severity: 'error' },
    ]);
    expect(checkSamples([contract], good.slice(1))).toMatchObject([
      { severity: 'outdated', message: 'version 1 has no golden sample' },
    ]);
    expect(checkSamples([contract], [...good, sample(9, {})])).toMatchObject([
      { severity: 'note' },
    ]);
  });
});
