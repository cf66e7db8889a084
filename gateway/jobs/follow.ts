// Sends what comes as server-sent events until it is over or the client goes. Owns: back-pressure, the end.

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { later, Refusal } from '../http/answers.ts'

export interface Following {
  readonly mayFollow: boolean
  /** What is new, in parts. */
  readonly next: () => Promise<readonly object[]>
  readonly isOver: () => boolean
  readonly changed: (signal: AbortSignal) => Promise<void>
}

/** A comment now and then, so that nobody in between gives the connection up. */
const ALIVE_MS = 15_000

export async function follow(response: ServerResponse, following: Following): Promise<void> {
  if (!following.mayFollow)
    throw new Refusal(429, 'too_many_followers', 'too many follow this job already', { headers: later(10) })
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  })
  response.flushHeaders()
  const alive = setInterval(() => response.write(': \n\n'), ALIVE_MS)
  try {
    while (!gone.signal.aborted) {
      const fresh = await following.next()
      const text = fresh.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')
      if (text !== '' && !response.write(text))
        await once(response, 'drain', { signal: gone.signal }).catch(() => undefined)
      if (fresh.length > 0) continue
      if (following.isOver()) {
        response.end('data: [DONE]\n\n')
        return
      }
      await following.changed(gone.signal)
    }
  } finally {
    clearInterval(alive)
  }
}
