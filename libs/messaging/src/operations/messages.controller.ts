import {
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
  UseGuards,
} from '@nestjs/common';
import { currentContext } from '@rookery/core';
import { CurrentUser, Scopes } from '@rookery/security';
import type { Principal } from '@rookery/core';
import type { FailureCount } from '../parking/failed-messages.js';
import { MessageOperations, type MessagePage } from './message-operations.js';
import type {
  DiscardRequest,
  EditRequest,
  MessageQuery,
  ReplayJobRequest,
  ReplayRequest,
} from './message-requests.js';
import type { FailedMessage, FailedMessageDetails } from './message-view.js';
import { MESSAGES_READ_SCOPE, MESSAGES_WRITE_SCOPE, MessagesGuard } from './messages.guard.js';
import type { ReplayJob } from '../replay/replay-jobs.js';
import type { KeyReplay, ReplayResult } from '../replay/replayer.js';

const NEVER = new AbortController().signal;

/**
 * Failed messages for the console and for operators. Reading needs a token with the scope
 * `ops:read`, changing one with `ops:write`, whose subject is kept as the actor.
 */
@Controller('manage/messages')
@UseGuards(MessagesGuard)
export class MessagesController {
  constructor(private readonly operations: MessageOperations) {}

  /** A page, `?consumer=&status=&type=&topic=&key=&reason=&code=&olderThan=&newerThan=&before=&limit=`. */
  @Get()
  @Scopes(MESSAGES_READ_SCOPE)
  async list(
    @Query() query: Record<string, unknown>,
  ): Promise<MessagePage & { counts: FailureCount[] }> {
    const [page, counts] = await Promise.all([
      this.operations.list(query as MessageQuery),
      this.operations.counts(),
    ]);
    return { ...page, counts };
  }

  /** The newest replays of many messages. */
  @Get('replays')
  @Scopes(MESSAGES_READ_SCOPE)
  async replays(): Promise<{ replays: ReplayJob[] }> {
    return { replays: await this.operations.replays() };
  }

  /** Begins one: `{ filter, perSecond, reason }`. */
  @Post('replays')
  @HttpCode(202)
  @Scopes(MESSAGES_WRITE_SCOPE)
  startReplay(@Body() body: unknown, @CurrentUser() user: Principal): Promise<ReplayJob> {
    return this.operations.startReplay(body as ReplayJobRequest, user.subject);
  }

  @Get('replays/:id')
  @Scopes(MESSAGES_READ_SCOPE)
  findReplay(@Param('id') id: string): Promise<ReplayJob> {
    return this.operations.findReplay(id);
  }

  @Post('replays/:id/cancel')
  @HttpCode(200)
  @Scopes(MESSAGES_WRITE_SCOPE)
  cancelReplay(@Param('id') id: string): Promise<ReplayJob> {
    return this.operations.cancelReplay(id);
  }

  /** One message with its content. */
  @Get(':id')
  @Scopes(MESSAGES_READ_SCOPE)
  show(@Param('id') id: string): Promise<FailedMessageDetails> {
    return this.operations.show(id);
  }

  /** Edits it: `{ revision, reason, payload | patch, headers }`. */
  @Patch(':id')
  @Scopes(MESSAGES_WRITE_SCOPE)
  edit(
    @Param('id') id: string,
    @Body() body: unknown,
    @CurrentUser() user: Principal,
  ): Promise<FailedMessageDetails> {
    return this.operations.edit(id, body as EditRequest, user.subject);
  }

  /** Has it handled again: `{ reason, revision }`. */
  @Post(':id/replay')
  @HttpCode(200)
  @Scopes(MESSAGES_WRITE_SCOPE)
  replay(
    @Param('id') id: string,
    @Body() body: unknown,
    @CurrentUser() user: Principal,
  ): Promise<ReplayResult> {
    return this.operations.replay(id, body as ReplayRequest, user.subject, signal());
  }

  /** Has all that waits of its key handled, in order: `{ reason }`. */
  @Post(':id/replay-key')
  @HttpCode(200)
  @Scopes(MESSAGES_WRITE_SCOPE)
  replayKey(
    @Param('id') id: string,
    @Body() body: unknown,
    @CurrentUser() user: Principal,
  ): Promise<KeyReplay> {
    return this.operations.replayKey(id, body as ReplayRequest, user.subject, signal());
  }

  /** Gives it up for good: `{ revision, reason }`. */
  @Post(':id/discard')
  @HttpCode(200)
  @Scopes(MESSAGES_WRITE_SCOPE)
  discard(
    @Param('id') id: string,
    @Body() body: unknown,
    @CurrentUser() user: Principal,
  ): Promise<FailedMessage> {
    return this.operations.discard(id, body as DiscardRequest, user.subject);
  }
}

/** Aborts when the caller has gone. */
function signal(): AbortSignal {
  return currentContext()?.signal ?? NEVER;
}
