// What GET answers: name and version, /health, /ready. Owns: when a node is live and when it is ready. Not: HTTP (server.ts).
import type { Json } from '../base/field.ts'
import { quorum } from '../base/protocol/validators.ts'
import type { Backend } from './backend.ts'

export interface Page {
  readonly status: 200 | 503
  readonly body: Json
}

/** The page at a path; undefined when there is none. */
export type Pages = (path: string) => Promise<Page | undefined>

/** A tip this much older than a heartbeat means that finality stands still. */
const GRACE_MS = 15_000
/** Where genesis names no heartbeat. */
const HEARTBEAT_MS_DEFAULT = 15_000

function heartbeatMs(backend: Backend): number {
  const genesis = backend.identity.genesisJson as { readonly consensus?: { readonly heartbeatMs?: number } }
  return genesis.consensus?.heartbeatMs ?? HEARTBEAT_MS_DEFAULT
}

function page(checks: { readonly [name: string]: boolean }, more: { readonly [name: string]: Json }): Page {
  const isGood = Object.values(checks).every((holds) => holds)
  return { status: isGood ? 200 : 503, body: { status: isGood ? 'ok' : 'failing', checks, ...more } }
}

/** Live: the process works and has not halted. A restart may help when it is not. */
function health(backend: Backend): Page {
  const { live, halted, finalizedHeight } = backend.health()
  return page({ live }, { finalizedHeight, halted: halted ?? null })
}

/** Ready: what it answers is current, and what it is given gets into a block. */
async function ready(backend: Backend): Promise<Page> {
  const { live, finalizedHeight, finalizedAgeMs, peerCount, validatorIndex, signer } = backend.health()
  const set = await backend.validatorsAt(finalizedHeight)
  const peersMin = validatorIndex === undefined ? 1 : quorum(set?.validators.length ?? 1) - 1
  const checks = {
    live,
    caughtUp: backend.syncing() === undefined,
    // A chain with nothing to do still makes a block each heartbeat.
    finality: finalizedAgeMs <= heartbeatMs(backend) + GRACE_MS,
    peers: peerCount >= peersMin,
    signer: signer === undefined || signer === 'ready',
  }
  return page(checks, { finalizedHeight, finalizedAgeMs, peerCount, peersMin })
}

export function createPages(backend: Backend): Pages {
  return async (path) => {
    if (path === '/health') return health(backend)
    if (path === '/ready') return ready(backend)
    if (path !== '/') return undefined
    const [name = 'suanli', version = '0'] = backend.identity.clientVersion.split('/')
    return {
      status: 200,
      body: { name, version, chainId: backend.identity.chainId, methods: 'POST rpc.discover' },
    }
  }
}
