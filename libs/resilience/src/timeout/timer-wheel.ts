import type { Cancel, Clock } from '@rookery/core';

/** Something that falls due. The links belong to the wheel: an entry costs no allocation. */
export interface WheelEntry {
  /** Monotonic milliseconds. */
  dueAt: number;
  previous: WheelEntry | undefined;
  next: WheelEntry | undefined;
  /** Called once, at the first tick at or after {@link dueAt}, unless removed before. */
  expire(): void;
}

/** Coarse on purpose: one timer serves all calls, and a timeout is late by at most this. */
const TICK_MS = 10;
const SLOTS = 512;

/**
 * A hashed timer wheel (Varghese and Lauck, 1987, scheme 6): timeouts of many calls at the price of
 * one timer, adding and removing in constant time. It ticks only while it is used, and its cached
 * time saves callers the clock where 10 ms do not matter.
 */
export class TimerWheel {
  readonly #slots: (WheelEntry | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  readonly #clock: Clock;
  #size = 0;
  #now = 0;
  /** Number of the last tick that was swept. */
  #swept = 0;
  #used = false;
  #cancel: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Entries that have not fallen due. */
  get size(): number {
    return this.#size;
  }

  /** Monotonic milliseconds, at most one tick old unless the event loop was blocked. */
  now(): number {
    this.#used = true;
    if (this.#cancel === undefined) this.#wind();
    return this.#now;
  }

  /** Makes an entry fall due after `ms`. */
  add(entry: WheelEntry, ms: number): void {
    if (this.#cancel === undefined) this.#wind();
    // Exact, because the cached time is old after the event loop was blocked: timeouts would be early.
    const dueAt = Math.max(this.#clock.monotonic() + ms, (this.#swept + 1) * TICK_MS);
    entry.dueAt = dueAt;
    const slot = slotOf(dueAt);
    const first = this.#slots[slot];
    entry.previous = undefined;
    entry.next = first;
    if (first !== undefined) first.previous = entry;
    this.#slots[slot] = entry;
    this.#size++;
  }

  /** Takes an entry out. The caller knows that it is in: neither expired nor removed. */
  remove(entry: WheelEntry): void {
    const { previous, next } = entry;
    if (previous === undefined) this.#slots[slotOf(entry.dueAt)] = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    entry.previous = entry.next = undefined;
    this.#size--;
  }

  #wind(): void {
    this.#now = this.#clock.monotonic();
    this.#swept = Math.floor(this.#now / TICK_MS);
    this.#arm();
  }

  #arm(): void {
    this.#cancel = this.#clock.after(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    this.#now = this.#clock.monotonic();
    const tick = Math.floor(this.#now / TICK_MS);
    const from = Math.max(this.#swept + 1, tick - SLOTS + 1);
    this.#swept = tick;
    if (this.#size > 0 || this.#used) this.#arm();
    else this.#cancel = undefined;
    this.#used = false;
    for (let at = from; at <= tick; at++) this.#sweep(at % SLOTS);
  }

  #sweep(slot: number): void {
    let entry = this.#slots[slot];
    let due: WheelEntry[] | undefined;
    for (; entry !== undefined; entry = entry.next) {
      if (entry.dueAt <= this.#now) (due ??= []).push(entry);
    }
    // Expiring runs foreign code, which may remove entries that are due as well.
    // Newest are first in the list; those that waited longest go first.
    for (const expired of due?.reverse() ?? []) {
      if (!this.#holds(expired, slot)) continue;
      this.remove(expired);
      expired.expire();
    }
  }

  #holds(entry: WheelEntry, slot: number): boolean {
    return entry.previous !== undefined || this.#slots[slot] === entry;
  }
}

/** The tick at whose end the entry is due for certain. */
function slotOf(dueAt: number): number {
  return Math.ceil(dueAt / TICK_MS) % SLOTS;
}

const wheels = new WeakMap<Clock, TimerWheel>();

/** The wheel of a clock; all engines on one clock share it. */
export function wheelOf(clock: Clock): TimerWheel {
  let wheel = wheels.get(clock);
  if (wheel === undefined) wheels.set(clock, (wheel = new TimerWheel(clock)));
  return wheel;
}
