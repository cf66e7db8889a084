// Finds free ports on this machine. Not: listening on them.
import { createServer } from 'node:net'
import { OperatorError } from '../base/errors.ts'

/** Distance of the peer-to-peer ports from the JSON-RPC ports. */
export const P2P_PORT_OFFSET = 1_000
/** Distance of the gateways' ports from them, where those are free. */
export const GATEWAY_PORT_OFFSET = 2_000
/** Below the ephemeral port range of outgoing connections. */
const FREE_PORTS = { first: 20_000, count: 11_000 } as const
const TRIES_MAX = 100

/** Whether this port of the loopback interface is free. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

/** First of `count` consecutive free ports, each with a free peer-to-peer port. Throws OperatorError if there are none. */
export async function findFreePorts(count: number): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const first = FREE_PORTS.first + Math.floor(Math.random() * FREE_PORTS.count)
    const ports = Array.from({ length: count }, (_, i) => [first + i, first + i + P2P_PORT_OFFSET]).flat()
    const free = await Promise.all(ports.map(isPortFree))
    if (free.every(Boolean)) return first
  }
  throw new OperatorError(`found no ${count} consecutive free ports`)
}
