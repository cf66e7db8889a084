// Worker thread of verifierPool.ts: validator sets and checks in, answers out.
import { parentPort } from 'node:worker_threads'
import { mustExist } from '../base/assert.ts'
import { bls } from '../base/crypto/bls.ts'
import { Verifier } from './verifier.ts'
import type { ToPool, ToWorker } from './verifierPool.ts'

const port = mustExist(parentPort, 'verifierWorker runs as a worker thread')
const verifier = new Verifier(bls)

function post(message: ToPool): void {
  port.postMessage(message)
}

port.on('message', (message: ToWorker) => {
  if (message.kind === 'validators') {
    verifier.useValidators(message.epoch, message.set)
    return
  }
  if (message.kind === 'verify') {
    post({ kind: 'verified', isValid: verifier.verifyOne(message.check), counters: { ...verifier.counters } })
    return
  }
  const answers = message.orders.map((order) => verifier.answer(order))
  post({ kind: 'answers', answers, counters: { ...verifier.counters } })
})
post({ kind: 'ready' })
