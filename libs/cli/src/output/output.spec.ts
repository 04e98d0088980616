import { EventEmitter } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { Output } from './output.js';

class SlowSink extends EventEmitter {
  readonly written: string[] = [];
  write(text: string): boolean {
    this.written.push(text);
    return false;
  }
}

it('passes JSON lines on unchanged and wraps everything else', () => {
  const sink = new SlowSink();
  const output = new Output('json', sink);
  output.line('orders-1', '{"msg":"as it is"}');
  output.line('orders-1', 'Killed');
  output.event('warn', 'look', { app: 'orders' });
  expect(sink.written[0]).toBe('{"msg":"as it is"}\n');
  expect(JSON.parse(sink.written[1] ?? '')).toMatchObject({ service: 'orders-1', msg: 'Killed' });
  expect(JSON.parse(sink.written[2] ?? '')).toMatchObject({
    service: 'rookery',
    level: 'warn',
    msg: 'look',
    app: 'orders',
  });
});

it('quotes a crash for eyes: of a JSON line its level and message', () => {
  const sink = new SlowSink();
  const output = new Output('pretty', sink);
  output.quote(['{"level":"info","pid":1,"msg":"starting"}', 'Killed']);
  const text = sink.written.map((line) => stripVTControlCharacters(line)).join('');
  expect(text).toBe('    | info starting\n    | Killed\n');
});

it('tells once that the reader is behind, and once that it has caught up', () => {
  const sink = new SlowSink();
  const output = new Output('pretty', sink);
  const told: string[] = [];
  output.onFull = () => told.push('full');
  output.onDrained = () => told.push('drained');
  output.line('a', 'one');
  output.line('a', 'two');
  expect(told).toEqual(['full']);
  sink.emit('drain');
  expect(told).toEqual(['full', 'drained']);
  output.line('a', 'three');
  expect(told).toEqual(['full', 'drained', 'full']);
});
