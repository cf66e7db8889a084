// Asks a signer for its health without holding it. Owns: one request and its answer.

import { OperatorError } from '../base/errors.ts'
import { SchemaError } from '../base/field.ts'
import {
  decodeReply,
  encodeRequest,
  FrameReader,
  REPLY_BYTES_MAX,
  type ReplyBody,
  SIGNER_PROTOCOL_VERSION,
} from './signerProtocol.ts'
import { addressText, connectSigner, type SignerAddress } from './signerTransport.ts'

const ANSWER_MS = 5_000

/** Resolves with the answer; rejects with OperatorError when nothing answers in time. */
export function askHealth(address: SignerAddress): Promise<ReplyBody<'health'>> {
  return new Promise((resolve, reject) => {
    const reader = new FrameReader(REPLY_BYTES_MAX)
    const body = { version: SIGNER_PROTOCOL_VERSION }
    const socket = connectSigner(address, () => socket.write(encodeRequest({ kind: 'health', body })))
    const fail = (reason: string): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new OperatorError(`the signer at ${addressText(address)} does not answer: ${reason}`))
    }
    const timer = setTimeout(() => fail(`no answer within ${ANSWER_MS} ms`), ANSWER_MS)
    socket.once('error', (error) => fail(error.message))
    socket.once('close', () => fail('it closed the connection'))
    socket.on('data', (chunk) => {
      try {
        const [frame] = reader.push(new Uint8Array(chunk))
        if (frame === undefined) return
        const reply = decodeReply(frame)
        if (reply.kind !== 'health') return fail(`unexpected ${reply.kind}`)
        clearTimeout(timer)
        socket.destroy()
        resolve(reply.body)
      } catch (error) {
        if (!(error instanceof SchemaError)) throw error
        fail(error.message)
      }
    })
  })
}
