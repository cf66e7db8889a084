// A streamed answer on its way to the program, whose text is counted and whose charge is taken out. Not: what is made of them.
import { errorText } from '../../base/errors.ts'
import { withoutLength } from './bodies.ts'
import { textBytes } from './bounds.ts'
import { EventStreamReader } from './eventStream.ts'
import { RedeemError } from './redeemError.ts'
import { readWire, type StreamCharge, streamCharge } from './wire.ts'

export interface StreamEnd {
  /** Undefined when it broke off, or the provider told none. */
  readonly charged: StreamCharge | undefined
  /** Of the text that came. */
  readonly shownBytes: number
}

/** The same response; `onEnd` is called once, `onNonsense` for what is no event stream of OpenAI's. */
export function countedStream(
  response: Response,
  onEnd: (end: StreamEnd) => void,
  onNonsense: (error: RedeemError) => void,
): Response {
  let shownBytes = 0
  let charged: StreamCharge | undefined
  let isOver = false
  const reader = new EventStreamReader({
    data: (json) => {
      shownBytes += textBytes(json)
    },
    charge: (text) => {
      charged = readWire(streamCharge, text)
    },
  })
  const over = (): void => {
    if (isOver) return
    isOver = true
    onEnd({ charged, shownBytes })
  }
  const source = (response.body as ReadableStream<Uint8Array>).getReader()
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await source.read()
        if (done || value === undefined) {
          reader.end()
          over()
          controller.close()
          return
        }
        reader.push(value)
        controller.enqueue(value)
      } catch (error) {
        over()
        const failure =
          error instanceof RedeemError
            ? error
            : new RedeemError('door', `the stream broke: ${errorText(error)}`, { cause: error })
        if (failure.code === 'wire') onNonsense(failure)
        controller.error(failure)
      }
    },
    cancel: async (reason) => {
      over()
      await source.cancel(reason).catch(() => undefined)
    },
  })
  return new Response(body, { status: response.status, headers: withoutLength(response.headers) })
}
