import { fork, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import type { KillPointId } from './kill-points.js';
import type { Purchase, Report, Request, ServiceSettings } from './service-protocol.js';

/** The process went away before it answered. */
export class ServiceGone extends Error {}

/** A service process, seen from its parent. */
export class ServiceHandle {
  readonly #child: ChildProcess;
  readonly #events = new EventEmitter();
  #gone = false;
  /** Resolves with the signal that ended the process. */
  readonly exited: Promise<NodeJS.Signals | null>;

  private constructor(
    bundle: string,
    settings: ServiceSettings,
    onReport: (report: Report) => void,
  ) {
    this.#events.setMaxListeners(0);
    this.#child = fork(bundle, [JSON.stringify(settings)], { execArgv: [] });
    this.exited = once(this.#child, 'exit').then((result) => {
      this.#gone = true;
      this.#events.emit('gone');
      return result[1] as NodeJS.Signals | null;
    });
    this.#child.on('message', (report: Report) => {
      onReport(report);
      this.#events.emit('id' in report ? report.id : report.kind, report);
    });
  }

  /** Resolves when the service works. */
  static async start(
    bundle: string,
    settings: ServiceSettings,
    onReport: (report: Report) => void,
  ): Promise<ServiceHandle> {
    const service = new ServiceHandle(bundle, settings, onReport);
    await service.#heard('ready');
    return service;
  }

  /** Has it die at the n-th arrival at a point. */
  async arm(point: KillPointId, nth: number): Promise<void> {
    const armed = this.#heard('armed');
    this.tell({ kind: 'arm', point, nth });
    await armed;
  }

  /** @throws ServiceGone when the answer will never come */
  async place(purchase: Purchase): Promise<void> {
    const heard = this.#heard(purchase.id);
    this.tell({ kind: 'place', ...purchase });
    const report = await heard;
    if (report.kind === 'refused') {
      throw new Error(`order ${purchase.id} was refused: ${report.why}`);
    }
  }

  tell(request: Request): void {
    // What cannot be delivered because the process has just died is noticed by who waits.
    if (this.#child.connected) this.#child.send(request, () => undefined);
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  #heard(event: string): Promise<Report> {
    return new Promise((resolve, reject) => {
      const gone = (): void => {
        this.#events.off(event, heard);
        reject(new ServiceGone(`the service died before '${event}'`));
      };
      const heard = (report: Report): void => {
        this.#events.off('gone', gone);
        resolve(report);
      };
      if (this.#gone) {
        reject(new ServiceGone(`the service was dead before '${event}'`));
        return;
      }
      this.#events.once(event, heard);
      this.#events.once('gone', gone);
    });
  }
}
