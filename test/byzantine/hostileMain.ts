// The process of a Byzantine validator. Owns: orders from the parent. `hostileMain.js DIR INDEX SEED`.
import { loadConfig } from '../../node/config.ts'
import { BEHAVIOURS } from '../support/byzantine/behaviours.ts'
import { startHostileNode } from '../support/byzantine/hostileNode.ts'
import type { HostileMessage, HostileOrder } from '../support/hostileProcess.ts'
import { WIRES } from './wire.ts'

const [dataDir, index, seed] = process.argv.slice(2)
const node = await startHostileNode({ dataDir: dataDir!, index: Number(index), seed: Number(seed) })
const tell = (message: HostileMessage): void => void process.send?.(message)
let stopWire: (() => Promise<void>) | undefined

async function obey({ behaviour: name }: HostileOrder): Promise<void> {
  const behaviour = BEHAVIOURS[name]
  if (behaviour === undefined) throw new Error(`no behaviour ${name}`)
  await stopWire?.()
  stopWire = undefined
  node.behave(behaviour)
  if (behaviour.wire !== undefined) {
    const { peerSeed, genesisHash } = node
    stopWire = await WIRES[behaviour.wire]({ peerSeed, genesisHash, addresses: loadConfig(dataDir!).peers })
  }
  tell({ kind: 'behaves', behaviour: name })
}

process.on('message', (order: HostileOrder) => void obey(order))
// Without its parent it has nobody to obey.
process.on('disconnect', () => process.exit(0))
tell({ kind: 'up', behaviours: Object.keys(BEHAVIOURS) })
