// What GET answers: name and version, /health, /ready, /metrics. Owns: when a node is live and when it is ready. Not: HTTP (server.ts).
import type { Json } from '../base/field.ts'
import { quorum } from '../base/protocol/validators.ts'
import type { Backend } from './backend.ts'

/** `text` is Prometheus' format. */
export type Page =
  | { readonly status: 200 | 503; readonly body: Json }
  | { readonly status: 200; readonly text: string }

/** The page at a path; undefined when there is none. `isLocal`: asked from this machine. */
export type Pages = (path: string, isLocal: boolean) => Promise<Page | undefined>

/** A tip this much older than a heartbeat means that finality stands still. */
const GRACE_MS = 15_000

export const pageText = (page: Page): string => ('text' in page ? page.text : JSON.stringify(page.body))

function page(checks: { readonly [name: string]: boolean }, more: { readonly [name: string]: Json }): Page {
  const failing = Object.entries(checks).flatMap(([name, holds]) => (holds ? [] : [name]))
  const isGood = failing.length === 0
  return { status: isGood ? 200 : 503, body: { status: isGood ? 'ok' : 'failing', failing, checks, ...more } }
}

/** Live: the process works and has not halted. A restart may help when it is not. */
function health(backend: Backend): Page {
  const { live, halted, finalizedHeight } = backend.health()
  return page({ live }, { finalizedHeight, halted: halted ?? null })
}

/** Ready: what it answers is current, and what it is given gets into a block. */
export async function readiness(backend: Backend) {
  const { live, finalizedHeight, finalizedAgeMs, heartbeatMs, peerCount, validatorIndex, signer } =
    backend.health()
  const set = await backend.validatorsAt(finalizedHeight)
  const peersMin = validatorIndex === undefined ? 1 : quorum(set?.validators.length ?? 1) - 1
  const checks = {
    live,
    caughtUp: backend.syncing() === undefined,
    // A chain with nothing to do still makes a block each heartbeat.
    finality: finalizedAgeMs <= heartbeatMs + GRACE_MS,
    peers: peerCount >= peersMin,
    signer: signer === undefined || signer === 'ready',
  }
  return { checks, finalizedHeight, finalizedAgeMs, peerCount, peersMin }
}

async function ready(backend: Backend): Promise<Page> {
  const { checks, ...figures } = await readiness(backend)
  return page(checks, figures)
}

/** `metrics`: only for callers on this machine; without it there is no such page. */
export function createPages(backend: Backend, metrics?: () => Promise<string>): Pages {
  return async (path, isLocal) => {
    if (path === '/health') return health(backend)
    if (path === '/ready') return ready(backend)
    if (path === '/metrics' && metrics !== undefined && isLocal) return { status: 200, text: await metrics() }
    if (path !== '/') return undefined
    const [name = 'suanli', version = '0'] = backend.identity.clientVersion.split('/')
    return {
      status: 200,
      body: { name, version, chainId: backend.identity.chainId, methods: 'POST rpc.discover' },
    }
  }
}
