// What a precheck thread does: calldata in, results out. Not: which modules it knows (precheckWorker.ts), the queue
// (precheckPool.ts).
import { parentPort } from 'node:worker_threads'
import { mustExist } from '../../base/assert.ts'
import { runPrecheck } from '../../state/precheck.ts'
import type { Module } from '../../state/rules.ts'

/** A call to prepare; `moduleId` names a module with a precheck. */
export interface PrecheckCall {
  readonly moduleId: number
  readonly data: Uint8Array
}

/** Calls to prepare, and the chain that they are made on. */
export interface PrecheckRequest {
  readonly chainId: number
  readonly calls: readonly PrecheckCall[]
}

/** Answers each message with the list of its calls' results, in order. */
export function servePrechecks(modules: readonly Module[]): void {
  const port = mustExist(parentPort, 'prechecks are served in a worker thread')
  const byId = new Map(modules.map((module) => [module.definition.id, module]))
  const definitions = modules.map(({ definition }) => definition)
  port.on('message', ({ chainId, calls }: PrecheckRequest) => {
    port.postMessage(
      calls.map(({ moduleId, data }) =>
        runPrecheck(mustExist(byId.get(moduleId), 'a module with a precheck'), data, {
          chainId,
          definitions,
        }),
      ),
    )
  })
}
