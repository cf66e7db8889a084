// Worker thread of senderPool.ts: signing hashes and signatures in, addresses out, as one buffer each way.
import { parentPort } from 'node:worker_threads'
import { mustExist } from '../../base/assert.ts'
import { recoverRows } from './senderRows.ts'

const port = mustExist(parentPort, 'senderWorker runs as a worker thread')

port.on('message', (rows: Uint8Array<ArrayBuffer>) => {
  const answers = recoverRows(rows)
  port.postMessage(answers, [answers.buffer])
})
